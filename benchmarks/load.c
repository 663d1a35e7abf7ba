/* A verifying load generator for MCP `tools/call` over HTTP/1.1 keep-alive (epoll, one thread).
 *
 *   load --url http://HOST:PORT/PATH [--tool NAME] [--era modern|legacy] [--connections N] [--group N]
 *        [--duration SECONDS] [--rate CALLS_PER_SECOND]
 *
 * Without --rate the loop is closed: each connection sends its next call when the last one is answered. With --rate it is
 * open: calls are due at Poisson moments, and latency counts from the due moment, so a stalled server cannot hide. The
 * bearer key comes from TOOLGATE_KEY. In the legacy era each --group connections share one session. Every call has its
 * own id and argument, and a reply counts only if it is the right one; anything else, or none, is an error. Prints one
 * line of JSON; latencies are in microseconds. Exit status 0 if all calls were right, 1 if not, 2 if it could not run. */
#define _GNU_SOURCE
#include "options.h"
#include "reply.h"

#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { READ_SIZE = 65536, ID_DIGITS = 10, TEXT_DIGITS = 16, GRACE_S = 5, SHOWN_FAULTS = 3 };

struct connection {
    int fd;
    bool busy;
    int64_t due;               /* when the outstanding call should have been sent, ns */
    uint64_t id;
    char text[TEXT_DIGITS + 3]; /* the argument, quoted */
    char *request;             /* the whole request; id and text are patched in place */
    size_t request_len, id_at, text_at;
    struct buffer in;
};

static struct connection connections[MAX_CONNECTIONS];
static struct buffer joined;
static int epoll_fd;
static int64_t start_ns, end_ns, next_due;
static uint64_t next_id = 1000000000, seed;
static int busy_count;
static struct {
    uint64_t calls, errors, missing, reconnects; /* errors: wrong, failed and missing answers */
    int64_t last_ns;                             /* when the last right answer came */
    uint32_t *tenths; /* latencies in 0.1 us */
    size_t cap;
} seen;

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

/* splitmix64 */
static uint64_t mixed(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static int64_t poisson_gap(void)
{
    static uint64_t drawn;
    double uniform = (double)(mixed(seed + ++drawn) >> 11) / 9007199254740992.0;
    return (int64_t)(-log(1.0 - uniform) / options.rate * 1e9);
}

static int open_socket(void)
{
    int on = 1, fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, address_len) < 0)
        die("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

static void add_head(struct buffer *out, struct span session, const char *mirrored, size_t length)
{
    char head[2048];
    const char *key = getenv("TOOLGATE_KEY");
    int n = snprintf(head, sizeof head,
                     "POST %s HTTP/1.1\r\nHost: %s:%s\r\nUser-Agent: toolgate-benchmark\r\n"
                     "Accept: application/json, text/event-stream\r\nAccept-Encoding: identity\r\n"
                     "Connection: keep-alive\r\nContent-Type: application/json\r\n%s%s%s%s",
                     options.path, options.host, options.port, mirrored, key ? "Authorization: Bearer " : "",
                     key ? key : "", key ? "\r\n" : "");
    if (n < 0 || n >= (int)sizeof head)
        die("head too long");
    buffer_text(out, head);
    if (session.len) {
        buffer_text(out, "Mcp-Session-Id: ");
        buffer_span(out, session);
        buffer_text(out, "\r\n");
    }
    buffer_text(out, "Content-Length: ");
    buffer_number(out, length);
    buffer_text(out, "\r\n\r\n");
}

/* Renders the call of this connection once; ids and texts have a fixed width. */
static void prepare(struct connection *c, struct span session)
{
    static const char id_mark[] = "0000000000", text_mark[] = "xxxxxxxxxxxxxxxx";
    bool modern = strcmp(options.era, "modern") == 0;
    const char *meta = modern ? ",\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\","
                                "\"io.modelcontextprotocol/clientCapabilities\":{},"
                                "\"io.modelcontextprotocol/clientInfo\":{\"name\":\"benchmark\",\"version\":\"1\"}}"
                              : "";
    char mirrored[512], body[1024];
    snprintf(mirrored, sizeof mirrored, "MCP-Protocol-Version: %s\r\n%s%s%s", modern ? "2026-07-28" : "2025-11-25",
             modern ? "Mcp-Method: tools/call\r\nMcp-Name: " : "", modern ? options.tool : "", modern ? "\r\n" : "");
    snprintf(body, sizeof body,
             "{\"jsonrpc\":\"2.0\",\"id\":%s,\"method\":\"tools/call\",\"params\":{\"name\":\"%s\","
             "\"arguments\":{\"text\":\"%s\"}%s}}",
             id_mark, options.tool, text_mark, meta);
    struct buffer request = {0};
    add_head(&request, session, mirrored, strlen(body));
    size_t head = request.len;
    buffer_text(&request, body);
    c->request = request.at;
    c->request_len = request.len;
    c->id_at = head + (size_t)(strstr(body, id_mark) - body);
    c->text_at = head + (size_t)(strstr(body, text_mark) - body);
}

static void send_all(int fd, const char *at, size_t len)
{
    while (len) {
        ssize_t n = send(fd, at, len, MSG_NOSIGNAL);
        if (n < 0)
            return; /* the reader sees the broken connection */
        at += n;
        len -= (size_t)n;
    }
}

/* One blocking exchange outside the measurement; dies unless the status is 2xx. */
static struct reply exchange(int fd, struct buffer *in, struct span session, const char *version, const char *body)
{
    struct buffer out = {0};
    struct reply reply;
    long used;
    add_head(&out, session, version, strlen(body));
    buffer_text(&out, body);
    send_all(fd, out.at, out.len);
    free(out.at);
    in->len = 0;
    while ((used = read_reply(in, &joined, &reply)) == 0) {
        ssize_t n = recv(fd, buffer_room(in, READ_SIZE), READ_SIZE, 0);
        if (n <= 0)
            die("connection lost in the handshake");
        in->len += (size_t)n;
    }
    if (used < 0 || reply.status < 200 || reply.status > 299) {
        fprintf(stderr, "handshake refused: %.*s\n", (int)in->len, in->at);
        exit(2);
    }
    return reply;
}

/* The legacy handshake; returns the session id, which lives as long as the process. */
static struct span begin_session(int fd)
{
    struct span none = {"", 0};
    struct buffer in = {0}, session = {0};
    struct reply reply = exchange(fd, &in, none, "",
                                  "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":{\"protocolVersion\":"
                                  "\"2025-11-25\",\"capabilities\":{},\"clientInfo\":{\"name\":\"benchmark\","
                                  "\"version\":\"1\"}}}");
    if (!json_member(response_message(&reply), "result").len) {
        fprintf(stderr, "initialize failed: %.*s\n", (int)in.len, in.at);
        exit(2);
    }
    buffer_span(&session, reply.session);
    struct span id = {session.at, session.len};
    exchange(fd, &in, id, "MCP-Protocol-Version: 2025-11-25\r\n",
             "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}");
    free(in.at);
    return id;
}

static void watch(struct connection *c)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, c->fd, &event) < 0)
        die("epoll_ctl");
}

static void connect_all(void)
{
    struct span session = {"", 0};
    for (int i = 0; i < options.connections; i++) {
        struct connection *c = &connections[i];
        c->fd = open_socket();
        if (strcmp(options.era, "legacy") == 0 && i % options.group == 0)
            session = begin_session(c->fd);
        prepare(c, session);
        watch(c);
    }
}

static void send_call(struct connection *c, int64_t due)
{
    static const char hex[] = "0123456789abcdef";
    uint64_t id = next_id++, random = mixed(seed ^ id);
    c->id = id;
    c->due = due;
    c->busy = true;
    busy_count++;
    for (int i = ID_DIGITS - 1; i >= 0; i--, id /= 10)
        c->request[c->id_at + (size_t)i] = (char)('0' + id % 10);
    for (size_t i = 0; i < TEXT_DIGITS; i++, random >>= 4)
        c->request[c->text_at + i] = hex[random & 15];
    memcpy(c->text, c->request + c->text_at - 1, TEXT_DIGITS + 2);
    send_all(c->fd, c->request, c->request_len);
}

static void count_error(struct connection *c, const char *fault)
{
    if (seen.errors++ < SHOWN_FAULTS)
        fprintf(stderr, "load: %s: %.*s\n", fault, (int)(c->in.len < 600 ? c->in.len : 600), c->in.len ? c->in.at : "");
}

static void count_call(struct connection *c, int64_t now)
{
    if (seen.calls == seen.cap) {
        seen.cap = seen.cap ? seen.cap * 2 : 1 << 16;
        seen.tenths = realloc(seen.tenths, seen.cap * sizeof *seen.tenths);
        if (!seen.tenths)
            die("realloc");
    }
    seen.tenths[seen.calls++] = (uint32_t)((now - c->due) / 100);
    seen.last_ns = now;
}

static void reconnect(struct connection *c)
{
    close(c->fd);
    c->in.len = 0;
    c->fd = open_socket();
    seen.reconnects++;
    watch(c);
}

/* Reads what came and judges it if it is whole. Afterwards the connection is free, or still busy with its call. */
static void receive(struct connection *c)
{
    char id[24];
    struct reply reply = {0};
    ssize_t n = recv(c->fd, buffer_room(&c->in, READ_SIZE), READ_SIZE, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN)
        return;
    int64_t arrived = now_ns();
    if (n > 0)
        c->in.len += (size_t)n;
    long used = n > 0 ? read_reply(&c->in, &joined, &reply) : -1;
    if (used == 0)
        return;
    if (c->busy) {
        snprintf(id, sizeof id, "%llu", (unsigned long long)c->id);
        const char *fault = used > 0 ? fault_of(&reply, id, c->text) : n > 0 ? "malformed reply" : "connection closed";
        if (fault)
            count_error(c, fault);
        else
            count_call(c, arrived);
        c->busy = false;
        busy_count--;
    } else if (n > 0) {
        count_error(c, "a reply to no call");
    }
    if (used > 0)
        buffer_shift(&c->in, (size_t)used);
    if (used < 0 || reply.closes)
        reconnect(c);
}

static void send_due_calls(void)
{
    static int turn; /* connections take turns, as many lightly used clients would */
    int64_t now = now_ns();
    for (int i = 0; i < options.connections && next_due <= now && next_due < end_ns; i++) {
        turn = (turn + 1) % options.connections;
        if (connections[turn].busy)
            continue;
        send_call(&connections[turn], next_due);
        next_due += poisson_gap();
    }
}

static void set_timer(int timer, int64_t at)
{
    static int64_t armed;
    struct itimerspec when = {.it_value = {at / 1000000000, at % 1000000000}};
    if (at != armed && timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, NULL) < 0)
        die("timerfd");
    armed = at;
}

/* Whether calls are outstanding, or due and not sent. */
static bool unfinished(void)
{
    return busy_count > 0 || (options.rate > 0 && next_due < end_ns);
}

static void drive(int timer)
{
    struct epoll_event events[256];
    int64_t last_moment = end_ns + GRACE_S * 1000000000LL, now;
    while ((now = now_ns()) < end_ns || (unfinished() && now < last_moment)) {
        bool can_send = options.rate > 0 && busy_count < options.connections && next_due < end_ns;
        set_timer(timer, can_send ? next_due : now < end_ns ? end_ns : last_moment);
        int n = epoll_wait(epoll_fd, events, 256, -1);
        for (int i = 0; i < n; i++) {
            struct connection *c = events[i].data.ptr;
            if (!c)
                continue;
            receive(c);
            if (!c->busy && options.rate == 0 && (now = now_ns()) < end_ns)
                send_call(c, now);
        }
        if (options.rate > 0)
            send_due_calls();
    }
    seen.missing = (uint64_t)busy_count;
    for (; options.rate > 0 && next_due < end_ns; next_due += poisson_gap())
        seen.missing++; /* due but never sent: the server did not keep up */
    seen.errors += seen.missing;
}

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static double percentile_us(double part)
{
    return seen.calls ? seen.tenths[(size_t)(part * (double)(seen.calls - 1))] / 10.0 : 0;
}

static void report(void)
{
    if (seen.calls)
        qsort(seen.tenths, seen.calls, sizeof *seen.tenths, by_size);
    /* Until the last answer rather than the end of the window: a slow server answers many calls after it. */
    double seconds = (double)((seen.last_ns > end_ns ? seen.last_ns : end_ns) - start_ns) / 1e9;
    printf("{\"calls\":%llu,\"errors\":%llu,\"missing\":%llu,\"calls_per_s\":%.1f,\"p50_us\":%.1f,\"p90_us\":%.1f,\"p99_us\":%.1f,"
           "\"max_us\":%.1f,\"connections\":%d,\"reconnects\":%llu}\n",
           (unsigned long long)seen.calls, (unsigned long long)seen.errors,
           (unsigned long long)seen.missing, (double)seen.calls / seconds,
           percentile_us(0.5), percentile_us(0.9), percentile_us(0.99), percentile_us(1), options.connections,
           (unsigned long long)seen.reconnects);
}

int main(int argc, char **argv)
{
    read_options(argc, argv);
    seed = mixed((uint64_t)now_ns() ^ (uint64_t)getpid());
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    struct epoll_event tick = {.events = EPOLLIN | EPOLLET, .data.ptr = NULL};
    if (epoll_fd < 0 || timer < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, timer, &tick) < 0)
        die("epoll");
    connect_all();
    start_ns = now_ns();
    end_ns = start_ns + (int64_t)(options.duration * 1e9);
    next_due = start_ns + (options.rate > 0 ? poisson_gap() : 0);
    for (int i = 0; i < options.connections && options.rate == 0; i++)
        send_call(&connections[i], now_ns());
    drive(timer);
    report();
    return seen.errors ? 1 : 0;
}
