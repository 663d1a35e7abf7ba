/* HTTP/1.1 replies and what a correct reply to one echo call is, for load.c. */
#ifndef REPLY_H
#define REPLY_H

#include "wire.h"

struct reply {
    int status;
    bool closes;       /* the server announces that it closes the connection */
    bool event_stream; /* text/event-stream rather than one JSON object */
    struct span session, body;
};

/* Joins a chunked body into `joined`. Returns the bytes used, 0 if it is not whole yet, -1 if it is malformed. */
static inline long join_chunks(struct span raw, struct buffer *joined)
{
    const char *p = raw.at, *end = raw.at + raw.len;
    joined->len = 0;
    for (;;) {
        const char *eol = memchr(p, '\n', (size_t)(end - p));
        if (!eol)
            return 0;
        char *digits_end;
        size_t size = strtoul(p, &digits_end, 16);
        if (digits_end == p || size > 1 << 26)
            return -1;
        if ((size_t)(end - eol - 1) < size + 2)
            return 0;
        buffer_add(joined, eol + 1, size);
        p = eol + 1 + size;
        if (p[0] != '\r' || p[1] != '\n')
            return -1; /* also refuses trailers: nothing measured here sends them */
        p += 2;
        if (size == 0)
            return p - raw.at;
    }
}

/* Reads one reply from the front of `in`. Returns the bytes used, 0 if it is not whole yet, -1 if it is malformed or
 * ends only with the connection. The spans of `reply` point into `in` or `joined`. */
static inline long read_reply(const struct buffer *in, struct buffer *joined, struct reply *reply)
{
    const char *end = in->len ? memmem(in->at, in->len, "\r\n\r\n", 4) : NULL;
    if (!end)
        return in->len > 1 << 16 ? -1 : 0;
    if (memcmp(in->at, "HTTP/1.1 ", 9) != 0)
        return -1;
    *reply = (struct reply){.status = atoi(in->at + 9), .body = {"", 0}, .session = {"", 0}};
    bool empty = reply->status < 200 || reply->status == 204;
    bool chunked = false;
    long length = -1;
    struct span rest = span_between((const char *)memchr(in->at, '\n', in->len) + 1, end + 4), name, value;
    while (header_next(&rest, &name, &value)) {
        if (span_is_nocase(name, "content-length"))
            length = span_number(value);
        else if (span_is_nocase(name, "transfer-encoding"))
            chunked = span_is_nocase(value, "chunked");
        else if (span_is_nocase(name, "connection"))
            reply->closes = span_is_nocase(value, "close");
        else if (span_is_nocase(name, "mcp-session-id"))
            reply->session = value;
        else if (span_is_nocase(name, "content-type"))
            reply->event_stream = value.len >= 17 && strncasecmp(value.at, "text/event-stream", 17) == 0;
    }
    size_t head = (size_t)(end + 4 - in->at);
    struct span after = {end + 4, in->len - head};
    if (chunked) {
        long used = join_chunks(after, joined);
        reply->body = (struct span){joined->at, joined->len};
        return used > 0 ? (long)head + used : used;
    }
    if (length < 0 && !empty)
        return -1;
    reply->body = (struct span){after.at, length > 0 ? (size_t)length : 0};
    return after.len < reply->body.len ? 0 : (long)(head + reply->body.len);
}

static inline bool is_response(struct span message)
{
    return json_member(message, "result").len || json_member(message, "error").len;
}

/* The JSON-RPC response in a reply: its body, or the first event that is a response. Empty if there is none. */
static inline struct span response_message(const struct reply *reply)
{
    if (!reply->event_stream)
        return reply->body;
    const char *p = reply->body.at, *end = p + reply->body.len;
    while (p < end) {
        const char *eol = memchr(p, '\n', (size_t)(end - p));
        if (!eol)
            eol = end;
        if (eol - p > 5 && memcmp(p, "data:", 5) == 0) {
            struct span data = span_between(json_blank(p + 5, eol), eol);
            if (is_response(data))
                return data;
        }
        p = eol + 1;
    }
    return (struct span){"", 0};
}

/* NULL if the reply answers the call with this id and argument (a JSON string, quoted), else what is wrong with it. */
static inline const char *fault_of(const struct reply *reply, const char *id, const char *text)
{
    if (reply->status != 200)
        return "status is not 200";
    struct span message = response_message(reply), key, value, result = {"", 0}, got = {"", 0};
    while (json_next(&message, &key, &value)) {
        if (span_is(key, "id"))
            got = value;
        else if (span_is(key, "result"))
            result = value;
        else if (span_is(key, "error"))
            return "JSON-RPC error";
    }
    if (!span_is(got, id))
        return "wrong id";
    struct span structured = {"", 0}, content = {"", 0};
    while (json_next(&result, &key, &value)) {
        if (span_is(key, "isError") && !span_is(value, "false"))
            return "isError";
        if (span_is(key, "structuredContent"))
            structured = value;
        else if (span_is(key, "content"))
            content = value;
    }
    if (!span_is(json_member(structured, "text"), text))
        return "wrong structuredContent";
    if (!span_is(json_member(json_first(content), "text"), text))
        return "wrong content";
    return NULL;
}

#endif
