/* Growing buffers, a forgiving JSON walk and HTTP header lines, shared by upstream.c and load.c.
 *
 * The JSON walk finds members and steps over values; it does not validate. Values are spans into the input, so that
 * ids and arguments are compared and echoed as the bytes they came as. */
#ifndef WIRE_H
#define WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct span {
    const char *at;
    size_t len;
};

struct buffer {
    char *at;
    size_t len, cap;
};

static inline void die(const char *what)
{
    perror(what);
    exit(2);
}

static inline struct span span_between(const char *from, const char *to)
{
    return (struct span){from, (size_t)(to - from)};
}

static inline bool span_is(struct span span, const char *text)
{
    return span.len == strlen(text) && memcmp(span.at, text, span.len) == 0;
}

static inline bool span_is_nocase(struct span span, const char *text)
{
    return span.len == strlen(text) && strncasecmp(span.at, text, span.len) == 0;
}

/* Makes room for `more` bytes after the content and returns where they begin. */
static inline char *buffer_room(struct buffer *buffer, size_t more)
{
    if (buffer->cap - buffer->len < more) {
        size_t cap = buffer->cap ? buffer->cap : 4096;
        while (cap - buffer->len < more)
            cap *= 2;
        buffer->at = realloc(buffer->at, cap);
        if (!buffer->at)
            die("realloc");
        buffer->cap = cap;
    }
    return buffer->at + buffer->len;
}

static inline void buffer_add(struct buffer *buffer, const char *at, size_t len)
{
    memcpy(buffer_room(buffer, len), at, len);
    buffer->len += len;
}

static inline void buffer_text(struct buffer *buffer, const char *text)
{
    buffer_add(buffer, text, strlen(text));
}

static inline void buffer_span(struct buffer *buffer, struct span span)
{
    buffer_add(buffer, span.at, span.len);
}

static inline void buffer_number(struct buffer *buffer, size_t number)
{
    char digits[24];
    char *p = digits + sizeof digits;
    do
        *--p = (char)('0' + number % 10);
    while (number /= 10);
    buffer_add(buffer, p, (size_t)(digits + sizeof digits - p));
}

/* Drops the first `used` bytes. */
static inline void buffer_shift(struct buffer *buffer, size_t used)
{
    buffer->len -= used;
    if (buffer->len)
        memmove(buffer->at, buffer->at + used, buffer->len);
}

static inline const char *json_blank(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n'))
        p++;
    return p;
}

/* `p` is behind the opening quote; returns the place behind the closing one, or NULL. */
static inline const char *json_string_end(const char *p, const char *end)
{
    while (p < end) {
        if (*p == '"')
            return p + 1;
        p += *p == '\\' ? 2 : 1;
    }
    return NULL;
}

/* `p` is at a value; returns the place behind it, or NULL if it does not end. */
static inline const char *json_skip(const char *p, const char *end)
{
    int depth = 0;
    while (p < end) {
        char c = *p++;
        if (c == '"') {
            p = json_string_end(p, end);
            if (!p || depth == 0)
                return p;
        } else if (c == '{' || c == '[') {
            depth++;
        } else if (c == '}' || c == ']') {
            if (--depth <= 0)
                return depth ? NULL : p;
        } else if (depth == 0) {
            while (p < end && !strchr(",}] \t\r\n", *p))
                p++;
            return p;
        }
    }
    return NULL;
}

/* The next member of an object; `rest` begins as the whole object and shrinks. Keys come without quotes. */
static inline bool json_next(struct span *rest, struct span *key, struct span *value)
{
    const char *end = rest->at + rest->len;
    const char *p = json_blank(rest->at, end);
    if (p == end || (*p != '{' && *p != ','))
        return false;
    p = json_blank(p + 1, end);
    if (p == end || *p != '"')
        return false;
    const char *start = p + 1;
    p = json_string_end(start, end);
    if (!p)
        return false;
    *key = span_between(start, p - 1);
    p = json_blank(p, end);
    if (p == end || *p != ':')
        return false;
    start = json_blank(p + 1, end);
    p = json_skip(start, end);
    if (!p)
        return false;
    *value = span_between(start, p);
    *rest = span_between(p, end);
    return true;
}

/* One member of an object, or an empty span. */
static inline struct span json_member(struct span object, const char *name)
{
    struct span key, value;
    while (json_next(&object, &key, &value))
        if (span_is(key, name))
            return value;
    return (struct span){"", 0};
}

/* The first element of an array, or an empty span. */
static inline struct span json_first(struct span array)
{
    const char *end = array.at + array.len;
    if (!array.len || *array.at != '[')
        return (struct span){"", 0};
    const char *start = json_blank(array.at + 1, end);
    const char *p = json_skip(start, end);
    return p ? span_between(start, p) : (struct span){"", 0};
}

/* The next header line; `rest` begins behind the request or status line and shrinks. Values come trimmed. */
static inline bool header_next(struct span *rest, struct span *name, struct span *value)
{
    const char *end = rest->at + rest->len;
    const char *eol = memchr(rest->at, '\n', rest->len);
    if (!eol || eol == rest->at || *rest->at == '\r')
        return false;
    const char *colon = memchr(rest->at, ':', (size_t)(eol - rest->at));
    if (!colon)
        return false;
    const char *from = json_blank(colon + 1, eol);
    const char *to = eol;
    while (to > from && (to[-1] == '\r' || to[-1] == ' ' || to[-1] == '\t'))
        to--;
    *name = span_between(rest->at, colon);
    *value = span_between(from, to);
    *rest = span_between(eol + 1, end);
    return true;
}

/* A decimal number, or -1. */
static inline long span_number(struct span span)
{
    long number = 0;
    if (!span.len || span.len > 12)
        return -1;
    for (size_t i = 0; i < span.len; i++) {
        if (span.at[i] < '0' || span.at[i] > '9')
            return -1;
        number = number * 10 + (span.at[i] - '0');
    }
    return number;
}

#endif
