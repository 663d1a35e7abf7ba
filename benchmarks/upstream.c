/* A very fast MCP server over HTTP/1.1 keep-alive: the upstream of the benchmark (epoll, one thread).
 *
 *   upstream --port N [--era modern|legacy|both] [--tools N]
 *
 * It serves the tools echo_0 .. echo_<N-1> on every path. `tools/call` returns the JSON-RPC id and the argument `text` as
 * the bytes they came as; a name that is not its own gives isError, so a gateway that forwards a wrong name is found
 * out. It validates nothing else. On SIGTERM it prints its counters as one line of JSON: a gateway that opens a connection
 * or a session per call shows there. */
#define _GNU_SOURCE
#include "wire.h"

#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_FDS = 65536, READ_SIZE = 65536, PAGE_SIZE = 1000, MAX_TOOLS = 1000000 };
enum era { MODERN = 1, LEGACY = 2, BOTH = 3 };

struct connection {
    int fd;
    bool waits_to_write;
    size_t sent;
    struct buffer in, out;
};

struct request {
    bool modern;
    struct span id, method, name, arguments, cursor, version;
};

static enum era served = BOTH;
static long tool_count = 10;
static struct buffer *pages; /* rendered "tools":[...] with nextCursor, PAGE_SIZE tools each */
static struct connection *connections[MAX_FDS];
static struct buffer body;
static struct {
    size_t connections, requests, calls, initializes, unknown_tools;
} counted;
static volatile sig_atomic_t stopped;

static void render_pages(void)
{
    long page_count = (tool_count + PAGE_SIZE - 1) / PAGE_SIZE;
    pages = calloc((size_t)page_count, sizeof *pages);
    if (!pages)
        die("calloc");
    for (long i = 0; i < tool_count; i++) {
        struct buffer *page = &pages[i / PAGE_SIZE];
        buffer_text(page, i % PAGE_SIZE ? ",{\"name\":\"echo_" : "\"tools\":[{\"name\":\"echo_");
        buffer_number(page, (size_t)i);
        buffer_text(page, "\",\"description\":\"Returns the text it was given.\",\"inputSchema\":{\"type\":\"object\","
                          "\"properties\":{\"text\":{\"type\":\"string\"}},\"required\":[\"text\"]}}");
    }
    for (long i = 0; i < page_count; i++) {
        buffer_text(&pages[i], "]");
        if (i + 1 < page_count) {
            buffer_text(&pages[i], ",\"nextCursor\":\"");
            buffer_number(&pages[i], (size_t)(i + 1));
            buffer_text(&pages[i], "\"");
        }
    }
}

/* The text of a JSON string without its quotes; other values as they are. */
static struct span unquoted(struct span value)
{
    if (value.len >= 2 && *value.at == '"')
        return (struct span){value.at + 1, value.len - 2};
    return value;
}

static bool own_tool(struct span name)
{
    static const char prefix[] = "echo_";
    size_t skip = sizeof prefix - 1;
    if (name.len <= skip || memcmp(name.at, prefix, skip) != 0)
        return false;
    long number = span_number((struct span){name.at + skip, name.len - skip});
    bool leading_zero = name.at[skip] == '0' && name.len > skip + 1;
    return number >= 0 && number < tool_count && !leading_zero;
}

/* Status line, headers and the rendered body. */
static void respond(struct connection *c, const char *status, const char *headers)
{
    buffer_text(&c->out, "HTTP/1.1 ");
    buffer_text(&c->out, status);
    buffer_text(&c->out, body.len ? "\r\nContent-Type: application/json\r\n" : "\r\n");
    buffer_text(&c->out, headers);
    buffer_text(&c->out, "Content-Length: ");
    buffer_number(&c->out, body.len);
    buffer_text(&c->out, "\r\n\r\n");
    buffer_add(&c->out, body.at, body.len);
    body.len = 0;
}

static void begin_result(const struct request *r, const char *modern_members)
{
    buffer_text(&body, "{\"jsonrpc\":\"2.0\",\"id\":");
    buffer_span(&body, r->id);
    buffer_text(&body, ",\"result\":{");
    if (r->modern)
        buffer_text(&body, modern_members);
}

#define COMPLETE "\"resultType\":\"complete\","
#define CACHEABLE COMPLETE "\"ttlMs\":3600000,\"cacheScope\":\"public\","
#define SERVER_INFO "{\"name\":\"benchmark-upstream\",\"version\":\"1\"}"

static void respond_error(struct connection *c, const struct request *r, const char *status, const char *error)
{
    buffer_text(&body, "{\"jsonrpc\":\"2.0\",\"id\":");
    buffer_span(&body, r->id);
    buffer_text(&body, ",\"error\":");
    buffer_text(&body, error);
    buffer_text(&body, "}");
    respond(c, status, "");
}

static void call_tool(struct connection *c, const struct request *r)
{
    struct span text = json_member(r->arguments, "text");
    counted.calls++;
    begin_result(r, COMPLETE);
    if (!text.len || !own_tool(r->name)) {
        counted.unknown_tools++;
        buffer_text(&body, "\"content\":[{\"type\":\"text\",\"text\":\"unknown tool or no text\"}],\"isError\":true}}");
        respond(c, "200 OK", "");
        return;
    }
    buffer_text(&body, "\"content\":[{\"type\":\"text\",\"text\":");
    buffer_span(&body, text);
    buffer_text(&body, "}],\"structuredContent\":{\"text\":");
    buffer_span(&body, text);
    buffer_text(&body, "},\"isError\":false}}");
    respond(c, "200 OK", "");
}

static void list_tools(struct connection *c, const struct request *r)
{
    long page = r->cursor.len ? span_number(unquoted(r->cursor)) : 0;
    if (page < 0 || page * PAGE_SIZE >= tool_count) {
        respond_error(c, r, r->modern ? "400 Bad Request" : "200 OK", "{\"code\":-32602,\"message\":\"unknown cursor\"}");
        return;
    }
    begin_result(r, CACHEABLE);
    buffer_add(&body, pages[page].at, pages[page].len);
    buffer_text(&body, "}}");
    respond(c, "200 OK", "");
}

static void discover(struct connection *c, const struct request *r)
{
    begin_result(r, CACHEABLE);
    buffer_text(&body, "\"supportedVersions\":[\"2026-07-28\"],\"capabilities\":{\"tools\":{}},"
                       "\"_meta\":{\"io.modelcontextprotocol/serverInfo\":" SERVER_INFO "}}}");
    respond(c, "200 OK", "");
}

static void initialize(struct connection *c, const struct request *r)
{
    static const char *const versions[] = {"\"2025-03-26\"", "\"2025-06-18\"", "\"2025-11-25\""};
    const char *agreed = versions[2];
    char session[64];
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++)
        if (span_is(r->version, versions[i]))
            agreed = versions[i];
    snprintf(session, sizeof session, "Mcp-Session-Id: benchmark-%zu\r\n", ++counted.initializes);
    begin_result(r, "");
    buffer_text(&body, "\"protocolVersion\":");
    buffer_text(&body, agreed);
    buffer_text(&body, ",\"capabilities\":{\"tools\":{}},\"serverInfo\":" SERVER_INFO "}}");
    respond(c, "200 OK", session);
}

static void answer(struct connection *c, const struct request *r)
{
    if (!r->id.len)
        respond(c, "202 Accepted", "");
    else if (span_is(r->method, "\"tools/call\""))
        call_tool(c, r);
    else if (span_is(r->method, "\"tools/list\""))
        list_tools(c, r);
    else if (span_is(r->method, "\"server/discover\"") && r->modern)
        discover(c, r);
    else if (span_is(r->method, "\"server/discover\""))
        respond_error(c, r, "400 Bad Request", "{\"code\":-32600,\"message\":\"missing session id\"}");
    else if (span_is(r->method, "\"initialize\"") && !r->modern)
        initialize(c, r);
    else if (span_is(r->method, "\"ping\"") && !r->modern)
        begin_result(r, ""), buffer_text(&body, "}}"), respond(c, "200 OK", "");
    else
        respond_error(c, r, r->modern ? "404 Not Found" : "200 OK", "{\"code\":-32601,\"message\":\"method not found\"}");
}

static void read_message(struct request *r, struct span message)
{
    struct span key, value, params = {"", 0};
    while (json_next(&message, &key, &value)) {
        if (span_is(key, "id"))
            r->id = value;
        else if (span_is(key, "method"))
            r->method = value;
        else if (span_is(key, "params"))
            params = value;
    }
    while (json_next(&params, &key, &value)) {
        if (span_is(key, "name"))
            r->name = unquoted(value);
        else if (span_is(key, "arguments"))
            r->arguments = value;
        else if (span_is(key, "cursor"))
            r->cursor = value;
        else if (span_is(key, "protocolVersion"))
            r->version = value;
    }
}

/* Answers the first whole request of the input; returns its size, 0 if it is not whole yet, -1 if it is no HTTP. */
static long serve_one(struct connection *c)
{
    char *end = memmem(c->in.at, c->in.len, "\r\n\r\n", 4);
    if (!end)
        return c->in.len > 1 << 20 ? -1 : 0;
    char *line_end = memchr(c->in.at, '\n', c->in.len);
    struct span rest = span_between(line_end + 1, end + 4), name, value;
    struct request r = {.modern = served == MODERN, .id = {"", 0}};
    long length = 0;
    while (header_next(&rest, &name, &value)) {
        if (span_is_nocase(name, "content-length"))
            length = span_number(value);
        else if (span_is_nocase(name, "transfer-encoding"))
            length = -1; /* no client of the benchmark sends chunks */
        else if (served == BOTH && span_is_nocase(name, "mcp-protocol-version"))
            r.modern = span_is(value, "2026-07-28");
    }
    if (length < 0)
        return -1;
    size_t size = (size_t)(end + 4 - c->in.at) + (size_t)length;
    if (c->in.len < size)
        return 0;
    counted.requests++;
    if (memcmp(c->in.at, "POST ", 5) == 0) {
        read_message(&r, (struct span){end + 4, (size_t)length});
        answer(c, &r);
    } else if (memcmp(c->in.at, "DELETE ", 7) == 0) {
        respond(c, "200 OK", "");
    } else {
        respond(c, "405 Method Not Allowed", "Allow: POST, DELETE\r\n");
    }
    return (long)size;
}

static void drop(struct connection *c)
{
    connections[c->fd] = NULL;
    close(c->fd);
    free(c->in.at);
    free(c->out.at);
    free(c);
}

/* Returns false when the connection is gone. */
static bool flush(int epoll, struct connection *c)
{
    while (c->sent < c->out.len) {
        ssize_t n = send(c->fd, c->out.at + c->sent, c->out.len - c->sent, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN)
            return false;
        if (n < 0)
            break;
        c->sent += (size_t)n;
    }
    bool waits = c->sent < c->out.len;
    if (!waits)
        c->out.len = c->sent = 0;
    if (waits != c->waits_to_write) {
        struct epoll_event event = {.events = waits ? EPOLLOUT : EPOLLIN, .data.fd = c->fd};
        epoll_ctl(epoll, EPOLL_CTL_MOD, c->fd, &event);
        c->waits_to_write = waits;
    }
    return true;
}

/* Reads once and answers all whole requests; returns false when the connection is gone. */
static bool receive(struct connection *c)
{
    ssize_t n = recv(c->fd, buffer_room(&c->in, READ_SIZE), READ_SIZE, 0);
    if (n <= 0)
        return n < 0 && errno == EAGAIN;
    c->in.len += (size_t)n;
    long used;
    while (c->in.len && (used = serve_one(c)) != 0) {
        if (used < 0)
            return false;
        buffer_shift(&c->in, (size_t)used);
    }
    return true;
}

static void accept_all(int epoll, int listener)
{
    int fd, on = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct connection *c = fd < MAX_FDS ? calloc(1, sizeof *c) : NULL;
        if (!c) {
            close(fd);
            continue;
        }
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        c->fd = fd;
        connections[fd] = c;
        counted.connections++;
        epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
    }
}

static int listen_on(int port)
{
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 1024) < 0)
        die("listen");
    return fd;
}

static void serve(int listener)
{
    struct epoll_event events[256], event = {.events = EPOLLIN, .data.fd = listener};
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) < 0)
        die("epoll");
    while (!stopped) {
        int n = epoll_wait(epoll, events, 256, -1);
        for (int i = 0; i < n; i++) {
            struct connection *c = connections[events[i].data.fd];
            if (events[i].data.fd == listener)
                accept_all(epoll, listener);
            else if (c && (((events[i].events & ~EPOLLOUT) && !receive(c)) || !flush(epoll, c)))
                drop(c);
        }
    }
}

static void stop(int signal_number)
{
    (void)signal_number;
    stopped = 1;
}

static void usage(void)
{
    fputs("usage: upstream --port N [--era modern|legacy|both] [--tools N]\n", stderr);
    exit(2);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"port", 1, NULL, 'p'}, {"era", 1, NULL, 'e'}, {"tools", 1, NULL, 't'}, {NULL, 0, NULL, 0}};
    static const char *const eras[] = {NULL, "modern", "legacy", "both"};
    struct sigaction action = {.sa_handler = stop};
    int option, port = 0;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'p')
            port = atoi(optarg);
        else if (option == 't')
            tool_count = atol(optarg);
        else if (option == 'e')
            for (served = BOTH; served && strcmp(optarg, eras[served]) != 0;)
                served--;
        else
            usage();
    }
    if (port <= 0 || port > 65535 || !served || tool_count < 1 || tool_count > MAX_TOOLS)
        usage();
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    render_pages();
    serve(listen_on(port));
    printf("{\"connections\":%zu,\"requests\":%zu,\"calls\":%zu,\"initializes\":%zu,\"unknown_tools\":%zu}\n",
           counted.connections, counted.requests, counted.calls, counted.initializes, counted.unknown_tools);
    return 0;
}
