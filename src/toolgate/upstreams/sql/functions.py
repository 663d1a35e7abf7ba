"""The functions that a free query may use, by the name that the database knows them by. All of them compute a value
from values; none reads a file or a setting, waits, locks, writes, runs another query, or makes much out of little
(`repeat`, `lpad`). What is not here is refused; operators add names by the setting `functions`."""

from collections.abc import Mapping

_EVERYWHERE = """
abs acos asin atan atan2 avg ceil ceiling char_length character_length coalesce concat concat_ws cos cot count
cume_dist current_date current_time current_timestamp date_part degrees dense_rank exp first_value floor greatest
grouping lag last_value lead least left length ln localtime localtimestamp log lower ltrim max md5 min mod now nth_value
ntile nullif octet_length percent_rank pi position pow power radians rank reverse right round row_number rtrim
sign sin sqrt stddev stddev_pop stddev_samp substr substring sum tan trim trunc upper var_pop var_samp variance version
"""

_POSTGRES = """
acosh age any_value array_agg array_append array_cat array_dims array_length array_lower array_ndims array_position
array_positions array_prepend array_remove array_replace array_to_json array_to_string array_upper ascii asinh atanh
bit_and bit_length bit_or bool_and bool_or btrim cardinality cbrt chr clock_timestamp convert_from convert_to corr
cosh covar_pop covar_samp current_database current_schema current_user date_bin date_trunc daterange decode div encode
erf every extract gcd generate_series generate_subscripts host initcap int4range int8range isempty isfinite json_agg
json_array_elements json_array_elements_text json_array_length json_build_array json_build_object json_each
json_each_text json_extract_path json_extract_path_text json_object json_object_agg json_object_keys json_strip_nulls
json_typeof jsonb_agg jsonb_array_elements jsonb_array_elements_text jsonb_array_length jsonb_build_array
jsonb_build_object jsonb_each jsonb_each_text jsonb_exists jsonb_extract_path jsonb_extract_path_text jsonb_object
jsonb_object_agg jsonb_object_keys jsonb_path_exists jsonb_path_query jsonb_path_query_array jsonb_path_query_first
jsonb_pretty jsonb_set jsonb_strip_nulls jsonb_typeof justify_days justify_hours justify_interval lcm log10 lower_inc
lower_inf make_date make_interval make_time make_timestamp make_timestamptz masklen min_scale mode netmask network
num_nonnulls num_nulls numrange overlay percentile_cont percentile_disc pg_typeof phraseto_tsquery plainto_tsquery
quote_ident quote_literal random regexp_count regexp_instr regexp_like regexp_match regexp_matches regexp_replace
regexp_split_to_array regexp_split_to_table regexp_substr regr_avgx regr_avgy regr_count regr_intercept regr_r2
regr_slope regr_sxx regr_sxy regr_syy replace row_to_json scale session_user sha224 sha256 sha384 sha512 similarity
sinh split_part starts_with statement_timestamp string_agg string_to_array string_to_table strpos tanh timezone
to_char to_date to_hex to_json to_jsonb to_number to_timestamp to_tsquery to_tsvector transaction_timestamp translate
trim_scale ts_headline ts_rank ts_rank_cd tsrange tstzrange unaccent unnest upper_inc upper_inf websearch_to_tsquery
width_bucket
"""

# Not `replace`: the servers build its result in one step that neither a timeout nor KILL ends.
_MYSQL = """
adddate addtime any_value ascii avg bin bit_and bit_count bit_length bit_or bit_xor char char_length conv convert
convert_tz crc32 curdate current_user curtime database date date_add date_format date_sub datediff day dayname
dayofmonth dayofweek dayofyear elt export_set extract field find_in_set format from_base64 from_days from_unixtime
group_concat hex hour if ifnull inet6_ntoa inet_aton inet_ntoa insert instr isnull json_array json_arrayagg
json_contains json_contains_path json_depth json_extract json_keys json_length json_merge_patch json_object
json_objectagg json_overlaps json_quote json_search json_set json_type json_unquote json_valid json_value last_day
lcase locate log10 log2 make_set makedate maketime match microsecond mid minute month monthname oct ord period_add
period_diff quarter quote rand regexp_instr regexp_like regexp_replace regexp_substr schema sec_to_time second
session_user sha sha1 sha2 soundex std str_to_date strcmp subdate substring_index subtime sysdate system_user time
time_format time_to_sec timediff timestamp timestampadd timestampdiff to_base64 to_days to_seconds truncate ucase
unhex unix_timestamp user utc_date utc_time utc_timestamp week weekday weekofyear year yearweek
"""

_SQLITE = """
bm25 char concat date datetime glob group_concat hex highlight ifnull iif instr json json_array json_array_length
json_each json_extract json_group_array json_group_object json_insert json_object json_patch json_quote json_remove
json_replace json_set json_tree json_type json_valid julianday like likely log10 log2 octet_length quote random
replace snippet sqlite_version strftime string_agg time timediff total typeof unhex unicode unixepoch unlikely
"""

_WORDS = """
all and any array as between by case cast cube distinct else escape except exists extract filter from group having ilike
in intersect interval is join lateral like limit materialized not offset on or over recursive rollup row select sets
similar some then to union using values when where with
"""
"""Words that may stand before a bracket without being functions."""

_TYPES = """
bigint binary bit blob bool boolean char character date datetime decimal double float int integer json jsonb numeric
precision real signed smallint text time timestamp timestamptz timetz tinyint unsigned uuid varbinary varchar varying
"""

FUNCTIONS: Mapping[str, frozenset[str]] = {
    "postgres": frozenset((_EVERYWHERE + _POSTGRES).split()),
    "mysql": frozenset((_EVERYWHERE + _MYSQL).split()),
    "sqlite": frozenset((_EVERYWHERE + _SQLITE).split()),
}

BEFORE_BRACKETS = frozenset((_WORDS + _TYPES).split())
