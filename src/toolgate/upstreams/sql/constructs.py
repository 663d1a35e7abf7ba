"""The constructs of SQL that a free query may be made of, by the name of sqlglot's node. What is not here is refused,
so that a construct which a later version learns is refused too, until somebody has looked at it."""

_STRUCTURE = """
Add Alias All Any AtTimeZone Between BitString BitwiseAnd BitwiseLeftShift BitwiseNot BitwiseOr BitwiseRightShift
BitwiseXor Boolean Bracket CTE Column Cube DPipe DataType DataTypeParam Distinct Div EQ Escape Except Fetch Filter
From GT GTE Glob Group GroupingSets Having HexString ILike Identifier IgnoreNulls In IntDiv Intersect Interval
IntervalSpan Is JSONKeyValue JSONPath JSONPathKey JSONPathRoot JSONPathSubscript JSONPathWildcard Join LT LTE Lateral
Like Limit Literal Match Mod Mul NEQ Neg Not Null NullSafeEQ NullSafeNEQ Offset Order Ordered Overlaps Paren
RespectNulls Rollup Select SimilarTo Slice Star Sub Subquery Table TableAlias Tuple Union Values Var Where Window
WindowSpec With WithinGroup
"""

# Functions that sqlglot knows. Each is also held to its name in `functions`, as it is written in the end.
_FUNCTIONS = """
Abs Acos Acosh And Anonymous AnyValue Array ArrayAgg ArrayAll ArrayAny ArrayAppend ArrayConcat ArrayContainedBy
ArrayContainsAll ArrayOverlaps ArrayPosition ArrayPrepend ArrayRemove ArraySize ArrayToString Ascii Asin Asinh Atan
Atan2 Atanh Avg BitLength BitwiseAndAgg BitwiseCount BitwiseOrAgg BitwiseXorAgg Case Cast Cbrt Ceil Chr Coalesce
Collate Concat ConcatWs Contains Convert Corr Cos Cosh Cot Count CountIf CovarPop CovarSamp CumeDist CurrentCatalog
CurrentDatabase CurrentDate CurrentDatetime CurrentRole CurrentSchema CurrentTime CurrentTimestamp CurrentUser
CurrentVersion Date DateAdd DateBin DateDiff DateFromParts DateStrToDate DateSub DateToDateStr DateTrunc Datetime
DatetimeAdd DatetimeDiff DatetimeSub DatetimeTrunc Day DayOfMonth DayOfWeek DayOfWeekIso DayOfYear Dayname Decode
Degrees DenseRank Elt Encode EndsWith Exists Exp Explode ExplodingGenerateSeries Extract First FirstValue Floor Format
FromBase64 GenerateSeries Greatest GroupConcat Grouping Hex Hour If Initcap IsAscii JSONArray JSONArrayAgg
JSONArrayContains JSONBContains JSONBContainsAllTopKeys JSONBContainsAnyTopKeys JSONBContainsTopKey JSONBExists
JSONBExtract JSONBExtractScalar JSONBObjectAgg JSONBPathExists JSONExists JSONExtract JSONExtractArray
JSONExtractScalar JSONFormat JSONKeys JSONObject JSONObjectAgg JSONRemove JSONSet JSONStripNulls JSONType JustifyDays
JustifyHours JustifyInterval Lag Last LastDay LastValue Lead Least Left Length Ln Localtime Localtimestamp Log
LogicalAnd LogicalOr Lower LowerHex MD5 MD5Digest MakeInterval MatchAgainst Max Median Min Minute Mode Month Monthname
NthValue Ntile Nullif NumberToStr Or Overlay ParseJSON PercentRank PercentileCont PercentileDisc Pi Pow Quarter
Radians Rand Rank RegexpCount RegexpExtract RegexpExtractAll RegexpILike RegexpInstr RegexpLike RegexpReplace
RegexpSplit RegexpSubstr RegrAvgx RegrAvgy RegrCount RegrIntercept RegrR2 RegrSlope RegrSxx RegrSxy RegrSyy Replace
Reverse Right Round RowNumber SHA SHA2 Second SessionUser Sign Sin Sinh Soundex Split SplitPart Sqrt StartsWith Stddev
StddevPop StddevSamp StrPosition StrToDate StrToTime StrToUnix StringToArray Substring SubstringIndex Sum Tan Tanh
Time TimeStrToDate TimeStrToTime TimeStrToUnix TimeSub TimeToStr TimeToUnix Timestamp TimestampAdd TimestampDiff
TimestampFromParts TimestampSub TimestampTrunc ToBase64 ToChar ToDays ToNumber Translate Trim Trunc TsOrDsAdd
TsOrDsDiff TsOrDsToDate TsOrDsToDateStr TsOrDsToDatetime TsOrDsToTime TsOrDsToTimestamp Typeof Unhex Unicode UnixDate
UnixSeconds UnixToStr UnixToTime Unnest Upper UtcDate UtcTime UtcTimestamp Variance VariancePop Week WeekOfYear
WidthBucket Xor Year YearOfWeek
"""

NODES = frozenset((_STRUCTURE + _FUNCTIONS).split())

ROOTS = frozenset({"Select", "Union", "Except", "Intersect", "Subquery"})
"""What a query may be as a whole."""

_TYPES = """
ARRAY BIGINT BINARY BIT BLOB BOOLEAN BPCHAR CHAR DATE DATERANGE DATETIME DECIMAL DOUBLE FLOAT HSTORE INET INT
INT4RANGE INT8RANGE INTERVAL JSON JSONB LONGTEXT MEDIUMINT MEDIUMTEXT MONEY NCHAR NUMRANGE NVARCHAR SMALLINT TEXT TIME
TIMESTAMP TIMESTAMPLTZ TIMESTAMPNTZ TIMESTAMPTZ TIMETZ TINYINT TINYTEXT TSRANGE TSTZRANGE UBIGINT UINT USMALLINT
UTINYINT UUID VARBINARY VARCHAR YEAR
"""

TYPES = frozenset(_TYPES.split())
"""Types to which a free query may convert: none that names an object of the database, as `regclass`."""

PLAIN_PARTS = {
    "Table": frozenset({"this", "db", "catalog", "alias", "joins", "laterals", "ordinality"}),
    "Select": frozenset(
        {
            "with_", "expressions", "distinct", "from_", "joins", "laterals", "where", "group", "having", "windows",
            "order", "limit", "offset", "limit_options",
        }
    ),
    "Join": frozenset({"this", "on", "side", "kind", "using", "method", "expressions"}),
    "With": frozenset({"expressions", "recursive"}),
    "CTE": frozenset({"this", "alias", "materialized"}),
}  # fmt: skip
"""Which parts of these nodes may be set: the others hold hints, samples, partitions, versions, locks or search clauses,
some of them as bare text."""
