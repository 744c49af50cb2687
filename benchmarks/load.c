/* The load generator of the benchmarks: thousands of Socket.IO clients on one thread.
 *
 * Why not a Socket.IO library: a message costs the fastest server measured here about 5
 * microseconds, so the load has to cost less than that or the benchmark measures the load. A client
 * library (JavaScript, Python or C++) parses, allocates and dispatches per message and costs
 * 20-100 microseconds. Here a message costs its share of epoll_wait, one recv and one send: every
 * frame to send is built and masked once, and of a received frame only the first bytes are read.
 *
 * It is a client of both specifications (Engine.IO 4, Socket.IO 5) as far as a benchmark needs
 * one: handshake, connect to "/", heartbeats, events, acks, one binary attachment, long-polling,
 * upgrade. It checks what it counts: a frame that it did not expect ends the run with an error.
 *
 * Build: cc -O2 -o load load.c          Use: ./load --mode echo --port 5000 --clients 100 ...
 * The result is one JSON object on standard output; benchmarks/load.py runs it.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SCRATCH (4u << 20)   /* one read; larger frames are skipped through, not stored */
#define PREFIX 512           /* bytes of a frame that are looked at */
#define MAX_DEPTH 1024
#define MAX_PIDS 64
#define BUCKETS 4096
#define BOTTLENECK_SHARE 0.85

enum mode { ECHO, GROUP, BURST, ACK, CONNECT, UPGRADE, POLLING, IDLE };
enum role { WEBSOCKET, POLL, POST };
enum stage { CLOSED, HTTP, FRAMES };
enum action { NOTHING, MESSAGE, OPENED, CONNECTED, PROBED, ENDED };
enum phase { RAMP, WARMUP, WINDOW };

struct client;

struct connection {
    int fd;
    uint32_t generation;     /* tells a connection opened anew from the one before it */
    enum role role;
    enum stage stage;
    enum action action;      /* what to do when the frame being skipped through has ended */
    bool writable_wanted;
    uint64_t skip;           /* payload bytes of the current frame still to come */
    uint8_t *in;             /* start of an incomplete frame or response */
    size_t in_length;
    uint8_t *out;            /* what the socket did not take yet */
    size_t out_length;
    struct client *client;
};

struct group;

struct client {
    struct connection websocket, poll, post;
    struct group *group;
    uint32_t index;
    bool counted;            /* took part in `ready` */
    bool joined;
    bool leader_only;        /* emits for the group, receives without counting */
    bool closing;
    bool poll_pending, post_pending, pong_due, connect_due, probed;
    uint32_t round_due;      /* events that the next POST carries */
    uint32_t round_left;     /* echoes missing in this round */
    uint32_t owed;           /* events to send when the current read has been parsed */
    uint64_t received, sent_count;
    uint64_t *sent;          /* ring of send times, nanoseconds */
    uint64_t started;        /* of this connection cycle, nanoseconds */
    char sid[64];
};

struct group {
    uint32_t size;
    uint64_t issued;
    uint64_t sent[MAX_DEPTH];
    uint32_t missing[MAX_DEPTH];
    struct client *leader;
    uint8_t *trigger;
    size_t trigger_length;
};

static struct {
    enum mode mode;
    const char *mode_name;
    bool bare, binary, rooms;
    int port, leader_port;
    uint32_t clients, depth, groups, parallel, sources;
    size_t size;
    uint64_t least;
    double seconds, warmup, deadline;
    int pids[MAX_PIDS];
    int pid_count;
} option = {.mode = ECHO, .mode_name = "echo", .clients = 100, .depth = 1, .groups = 1,
            .parallel = 64, .sources = 16, .size = 32, .seconds = 2, .warmup = 0.5,
            .deadline = 60};

static int epoll_fd;
static struct sockaddr_in server_address, leader_address;
static struct client *clients;
static struct group *groups;
static uint32_t client_total, launched, ready, next_source;
static uint8_t *scratch;
static uint8_t *burst;                  /* `depth` copies of the event, framed and masked */
static size_t event_length;             /* one of them */
static char *poll_event;                /* the event as text, for POST bodies */
static enum phase phase = RAMP;
static uint64_t now, phase_end, process_start;
static uint64_t messages;
static uint64_t histogram[BUCKETS];
static uint64_t latency_max;
static uint8_t replies[1 << 16];        /* small frames gathered while one read is parsed */
static size_t replies_length;

/* ---------------------------------------------------------------- failing, time, accounting */

static void __attribute__((noreturn, format(printf, 1, 2))) fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "load: ");
    vfprintf(stderr, format, arguments);
    fprintf(stderr, " (phase %d, %u of %u clients ready, %llu messages)\n", phase, ready,
            client_total, (unsigned long long)messages);
    va_end(arguments);
    exit(1);
}

static uint64_t clock_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static double own_cpu(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* User and system time of the measured processes and of children they waited for, in seconds. */
static double server_cpu(void) {
    double total = 0;
    for (int i = 0; i < option.pid_count; i++) {
        char path[64], text[1024];
        snprintf(path, sizeof path, "/proc/%d/stat", option.pids[i]);
        FILE *file = fopen(path, "r");
        if (!file) fail("process %d ended during the run", option.pids[i]);
        size_t n = fread(text, 1, sizeof text - 1, file);
        fclose(file);
        text[n] = 0;
        char *fields = strrchr(text, ')');  /* the command name may hold spaces */
        unsigned long long utime, stime;
        long long cutime, cstime;
        if (!fields || sscanf(fields + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu "
                              "%lld %lld", &utime, &stime, &cutime, &cstime) != 4)
            fail("%s: not understood", path);
        total += (double)(utime + stime) + (double)(cutime + cstime);
    }
    return total / (double)sysconf(_SC_CLK_TCK);
}

/* Busy time of the whole machine in seconds: shows what else was running during the window. */
static double machine_cpu(void) {
    FILE *file = fopen("/proc/stat", "r");
    unsigned long long user, nice, system, idle, iowait, irq, softirq;
    if (!file || fscanf(file, "cpu %llu %llu %llu %llu %llu %llu %llu", &user, &nice, &system,
                        &idle, &iowait, &irq, &softirq) != 7)
        fail("/proc/stat: not understood");
    fclose(file);
    return (double)(user + nice + system + irq + softirq) / (double)sysconf(_SC_CLK_TCK);
}

/* Log-linear: 64 buckets per power of two, so a percentile is exact to 1.6 %. */
static void record(uint64_t nanoseconds) {
    if (nanoseconds > latency_max) latency_max = nanoseconds;
    uint32_t bucket;
    if (nanoseconds < 64) {
        bucket = (uint32_t)nanoseconds;
    } else {
        uint32_t top = 63 - (uint32_t)__builtin_clzll(nanoseconds);
        bucket = (top - 5) * 64 + (uint32_t)((nanoseconds >> (top - 6)) & 63);
    }
    histogram[bucket < BUCKETS ? bucket : BUCKETS - 1]++;
}

static double percentile(double share) {
    uint64_t count = 0, seen = 0;
    for (uint32_t i = 0; i < BUCKETS; i++) count += histogram[i];
    if (!count) return 0;
    uint64_t wanted = (uint64_t)((double)count * share);
    for (uint32_t i = 0; i < BUCKETS; i++) {
        seen += histogram[i];
        if (seen > wanted) {
            if (i < 64) return i / 1e3;
            uint32_t top = i / 64 + 5;
            return (double)((64ull + i % 64) << (top - 6)) / 1e3;
        }
    }
    return (double)latency_max / 1e3;
}

/* ---------------------------------------------------------------- bytes out */

static void interest(struct connection *c, bool writable) {
    if (c->writable_wanted == writable) return;
    c->writable_wanted = writable;
    struct epoll_event event = {.events = EPOLLIN | (writable ? EPOLLOUT : 0), .data.ptr = c};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_MOD, c->fd, &event)) fail("epoll_ctl: %s", strerror(errno));
}

static void keep(struct connection *c, const uint8_t *bytes, size_t n) {
    c->out = realloc(c->out, c->out_length + n);
    if (!c->out) fail("out of memory");
    memcpy(c->out + c->out_length, bytes, n);
    c->out_length += n;
    interest(c, true);
}

static void transmit(struct connection *c, const void *bytes, size_t n) {
    if (c->stage == CLOSED) return;
    ssize_t done = 0;
    if (!c->out_length) {
        done = send(c->fd, bytes, n, MSG_NOSIGNAL);
        if (done < 0) {
            /* a reset shows up as an end of file at the next read, and is counted there */
            if (errno != EAGAIN && errno != ENOTCONN && errno != EPIPE && errno != ECONNRESET)
                fail("send: %s", strerror(errno));
            done = 0;
        }
    }
    if ((size_t)done < n) keep(c, (const uint8_t *)bytes + done, n - (size_t)done);
}

static void flush_kept(struct connection *c) {
    ssize_t done = send(c->fd, c->out, c->out_length, MSG_NOSIGNAL);
    if (done < 0) {
        if (errno == EAGAIN || errno == ENOTCONN || errno == EPIPE || errno == ECONNRESET) return;
        fail("send: %s", strerror(errno));
    }
    c->out_length -= (size_t)done;
    memmove(c->out, c->out + done, c->out_length);
    if (!c->out_length) {
        free(c->out);
        c->out = NULL;
        interest(c, false);
    }
}

/* One masked client frame (RFC 6455 section 5.2); returns its length. */
static size_t frame(uint8_t *out, uint8_t opcode, const void *payload, size_t n) {
    static const uint8_t mask[4] = {0x3a, 0xc5, 0x71, 0x9e};
    size_t head = 2;
    out[0] = 0x80 | opcode;
    if (n < 126) {
        out[1] = 0x80 | (uint8_t)n;
    } else if (n < 65536) {
        out[1] = 0x80 | 126;
        out[2] = (uint8_t)(n >> 8);
        out[3] = (uint8_t)n;
        head = 4;
    } else {
        out[1] = 0x80 | 127;
        for (int i = 0; i < 8; i++) out[2 + i] = (uint8_t)((uint64_t)n >> (56 - 8 * i));
        head = 10;
    }
    memcpy(out + head, mask, 4);
    for (size_t i = 0; i < n; i++)
        out[head + 4 + i] = ((const uint8_t *)payload)[i] ^ mask[i & 3];
    return head + 4 + n;
}

/* A small frame that goes out when the current read has been parsed. */
static void reply(uint8_t opcode, const void *payload, size_t n) {
    if (replies_length + n + 14 > sizeof replies) fail("too many replies in one read");
    replies_length += frame(replies + replies_length, opcode, payload, n);
}

static void frame_now(struct connection *c, uint8_t opcode, const char *payload) {
    uint8_t bytes[256];
    transmit(c, bytes, frame(bytes, opcode, payload, strlen(payload)));
}

/* ---------------------------------------------------------------- connections */

static void open_connection(struct connection *c, const struct sockaddr_in *to) {
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0) fail("socket: %s", strerror(errno));
    int on = 1;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    /* several source addresses: one has about 28,000 ports, also for connections in TIME_WAIT */
    struct sockaddr_in from = {.sin_family = AF_INET};
    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + next_source++ % option.sources);
    if (bind(c->fd, (struct sockaddr *)&from, sizeof from)) fail("bind: %s", strerror(errno));
    if (connect(c->fd, (const struct sockaddr *)to, sizeof *to) && errno != EINPROGRESS)
        fail("connect: %s", strerror(errno));
    c->stage = HTTP;
    c->generation++;
    c->skip = 0;
    c->action = NOTHING;
    c->writable_wanted = false;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, c->fd, &event)) fail("epoll_ctl: %s", strerror(errno));
}

static void close_connection(struct connection *c) {
    if (c->stage == CLOSED) return;
    close(c->fd);
    c->fd = -1;
    c->stage = CLOSED;
    free(c->in);
    free(c->out);
    c->in = c->out = NULL;
    c->in_length = c->out_length = 0;
}

static void open_websocket(struct client *k) {
    char request[512], sid[80] = "";
    const struct sockaddr_in *to = k->leader_only ? &leader_address : &server_address;
    if (k->sid[0]) snprintf(sid, sizeof sid, "&sid=%s", k->sid);
    open_connection(&k->websocket, to);
    /* the accept header is not checked: a loopback server is no cache that could answer wrongly */
    int n = snprintf(request, sizeof request,
                     "GET /socket.io/?EIO=4&transport=websocket%s HTTP/1.1\r\n"
                     "Host: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                     "Sec-WebSocket-Version: 13\r\n\r\n", sid, ntohs(to->sin_port));
    transmit(&k->websocket, request, (size_t)n);
}

static void poll_get(struct client *k) {
    char request[256];
    if (k->poll.stage == CLOSED) open_connection(&k->poll, &server_address);
    int n = snprintf(request, sizeof request,
                     "GET /socket.io/?EIO=4&transport=polling%s%s HTTP/1.1\r\n"
                     "Host: 127.0.0.1:%d\r\n\r\n",
                     k->sid[0] ? "&sid=" : "", k->sid, option.port);
    k->poll_pending = true;
    transmit(&k->poll, request, (size_t)n);
}

static void poll_post(struct client *k, const char *body, size_t length) {
    if (k->post.stage == CLOSED) open_connection(&k->post, &server_address);
    char *request = malloc(256 + length);
    int n = snprintf(request, 256,
                     "POST /socket.io/?EIO=4&transport=polling&sid=%s HTTP/1.1\r\n"
                     "Host: 127.0.0.1:%d\r\nContent-Type: text/plain;charset=UTF-8\r\n"
                     "Content-Length: %zu\r\n\r\n", k->sid, option.port, length);
    memcpy(request + n, body, length);
    k->post_pending = true;
    transmit(&k->post, request, (size_t)n + length);
    free(request);
}

/* Long-polling sends one POST at a time, so what is due waits for the answer of the last one. */
static void post_what_is_due(struct client *k) {
    if (k->post_pending) return;
    if (k->connect_due) {
        k->connect_due = false;
        poll_post(k, "40", 2);
    } else if (k->pong_due) {
        k->pong_due = false;
        poll_post(k, "3", 1);
    } else if (k->round_due) {
        static char *body;
        size_t length = 0, one = strlen(poll_event);
        if (!body) body = malloc((one + 1) * option.depth);
        for (uint32_t i = 0; i < k->round_due; i++) {
            if (i) body[length++] = '\x1e';
            memcpy(body + length, poll_event, one);
            length += one;
        }
        k->round_due = 0;
        poll_post(k, body, length);
    }
}

static void start_client(struct client *k) {
    k->sid[0] = 0;
    k->closing = k->probed = k->poll_pending = k->post_pending = k->pong_due = false;
    k->connect_due = false;
    k->round_due = k->round_left = k->owed = 0;
    k->started = clock_now();
    if (option.mode == UPGRADE || option.mode == POLLING) poll_get(k);
    else open_websocket(k);
}

/* ---------------------------------------------------------------- the cases */

static void trigger(struct group *g) {
    if (option.mode == BURST) {  /* one event, `depth` broadcasts */
        g->issued += option.depth;
        g->sent[0] = now;
        g->missing[0] = g->size * option.depth;
        transmit(&g->leader->websocket, g->trigger, g->trigger_length);
        return;
    }
    uint32_t slot = (uint32_t)(g->issued++ % option.depth);
    g->sent[slot] = now;
    g->missing[slot] = g->size;
    transmit(&g->leader->websocket, g->trigger, g->trigger_length);
}

static void start_round(struct client *k) {
    k->round_due = k->round_left = option.depth;
    k->sent[0] = now;
    post_what_is_due(k);
}

static void start_case(void) {
    now = clock_now();
    phase = WARMUP;
    phase_end = now + (uint64_t)(option.warmup * 1e9);
    switch (option.mode) {
    case ECHO:
        for (uint32_t i = 0; i < client_total; i++) {
            struct client *k = &clients[i];
            for (uint32_t d = 0; d < option.depth; d++) k->sent[d] = now;
            k->sent_count = option.depth;
            transmit(&k->websocket, burst, event_length * option.depth);
        }
        break;
    case GROUP:
        for (uint32_t g = 0; g < option.groups; g++)
            for (uint32_t d = 0; d < option.depth; d++) trigger(&groups[g]);
        break;
    case BURST:
        for (uint32_t g = 0; g < option.groups; g++) trigger(&groups[g]);
        break;
    case ACK:
        for (uint32_t i = 0; i < client_total; i++)
            frame_now(&clients[i].websocket, 1, "42[\"calls\"]");
        break;
    case POLLING:
        for (uint32_t i = 0; i < client_total; i++) start_round(&clients[i]);
        break;
    case CONNECT:
    case UPGRADE:
    case IDLE:
        break;
    }
}

/* A client is through its handshake (and has joined its room). */
static void became_ready(struct client *k) {
    if (option.mode == CONNECT || option.mode == UPGRADE) {
        messages++;
        record(now - k->started);
        if (!k->counted) {
            k->counted = true;
            ready++;
        }
        k->closing = true;
        if (!option.bare) frame_now(&k->websocket, 1, "41");
        frame_now(&k->websocket, 8, "\x03\xe8");
        close_connection(&k->poll);
        close_connection(&k->post);
        return;  /* the cycle starts anew when the server has agreed to close */
    }
    if (!k->counted) {
        k->counted = true;
        ready++;
    }
}

static void on_connected(struct client *k) {
    if (option.rooms && !k->joined) {
        char text[64];
        int n = snprintf(text, sizeof text, "42[\"join\",\"r%u\"]",
                         (unsigned)(k->group - groups));
        reply(1, text, (size_t)n);
        return;
    }
    became_ready(k);
}

static void on_message(struct client *k) {
    if (option.rooms && !k->joined) {
        k->joined = true;
        became_ready(k);
        return;
    }
    switch (option.mode) {
    case ECHO:
        messages++;
        if (k->received >= k->sent_count) fail("client %u got an echo it did not ask for", k->index);
        record(now - k->sent[k->received++ % option.depth]);
        k->owed++;
        break;
    case GROUP:
    case BURST: {
        struct group *g = k->group;
        if (k->leader_only) return;
        uint32_t slot = (uint32_t)(k->received++ % option.depth);
        if (option.mode == BURST) slot = 0;
        if (k->received > g->issued) fail("client %u got a broadcast nobody sent", k->index);
        messages++;
        record(now - g->sent[slot]);
        if (--g->missing[slot] == 0) trigger(g);
        break;
    }
    case ACK:
        messages++;
        if (k->received++) record(now - k->sent[0]);
        k->sent[0] = now;
        break;
    case UPGRADE:
        became_ready(k);
        break;
    default:
        fail("client %u got an event in mode %s", k->index, option.mode_name);
    }
}

/* Classifies a frame by its first bytes; replies that need no more are made at once. */
static enum action classify(struct connection *c, uint8_t opcode, const uint8_t *data, size_t look,
                            uint64_t length) {
    struct client *k = c->client;
    switch (opcode) {
    case 8:
        if (!k->closing) fail("the server closed websocket %u: %.*s", k->index, (int)look, data);
        return ENDED;
    case 9:
        reply(10, data, look);
        return NOTHING;
    case 10:
        return NOTHING;
    case 2:
        if (!option.binary && !option.bare) fail("unexpected binary frame");
        return MESSAGE;
    case 1:
        break;
    default:
        fail("frame with opcode %u", opcode);
    }
    if (option.bare) return MESSAGE;
    if (!length) fail("empty text frame");
    switch (data[0]) {
    case '0':
        return OPENED;
    case '2':
        reply(1, "3", 1);
        return NOTHING;
    case '3':
        return PROBED;
    case '6':
        return NOTHING;
    case '4':
        break;
    default:
        fail("packet type %c", data[0]);
    }
    if (look < 2) fail("packet without a type");
    switch (data[1]) {
    case '0':
        return CONNECTED;
    case '2':
        if (option.mode == ACK) {
            char text[48] = "43";
            size_t n = 2, i = 2;
            while (i < look && data[i] >= '0' && data[i] <= '9' && n < 24) text[n++] = (char)data[i++];
            if (n == 2) fail("call without an ack id");
            n += (size_t)snprintf(text + n, sizeof text - n, "[\"yes\"]");
            reply(1, text, n);
        }
        return MESSAGE;
    case '5':  /* its attachment, in the next frame, is the message */
        if (!option.binary) fail("unexpected binary event");
        return NOTHING;
    case '1':
        if (!k->closing) fail("client %u was disconnected", k->index);
        return NOTHING;
    default:
        fail("Socket.IO packet %.*s", (int)look, data);
    }
}

static void finish_upgrade(struct client *k) {
    if (!k->probed || k->poll_pending) return;
    uint8_t bytes[512];
    size_t n = frame(bytes, 1, "5", 1);
    n += frame(bytes + n, 1, "42[\"echo\",\"up\"]", 15);
    transmit(&k->websocket, bytes, n);
}

static void perform(struct connection *c, enum action action) {
    struct client *k = c->client;
    switch (action) {
    case NOTHING:
        return;
    case OPENED:
        reply(1, "40", 2);
        return;
    case CONNECTED:
        on_connected(k);
        return;
    case PROBED:
        k->probed = true;
        finish_upgrade(k);
        return;
    case MESSAGE:
        on_message(k);
        return;
    case ENDED:  /* closing is agreed; not every server ends the TCP connection after it */
        close_connection(c);
        start_client(k);
        return;
    }
}

/* One Engine.IO packet of a polling payload. */
static void on_poll_packet(struct client *k, const uint8_t *p, size_t n) {
    if (!n) fail("empty packet in a polling payload");
    if (p[0] == '0') {
        const char *sid = memmem(p, n, "\"sid\":\"", 7);
        if (!sid) sid = memmem(p, n, "\"sid\": \"", 8);
        if (!sid) fail("handshake without sid: %.*s", (int)n, p);
        sid = strchr(sid + 6, '"') + 1;
        const char *end = memchr(sid, '"', (size_t)((const char *)p + n - sid));
        if (!end || end - sid >= (long)sizeof k->sid) fail("sid not understood");
        memcpy(k->sid, sid, (size_t)(end - sid));
        k->sid[end - sid] = 0;
        k->connect_due = true;
    } else if (p[0] == '2') {
        k->pong_due = true;
    } else if (p[0] == '4' && n > 1 && p[1] == '0') {
        if (option.mode == UPGRADE) {
            poll_get(k);
            open_websocket(k);
        } else {
            became_ready(k);
        }
    } else if (p[0] == '4' && n > 1 && p[1] == '2') {
        if (!k->round_left) fail("echo that was not asked for");
        messages++;
        record(now - k->sent[0]);
        k->round_left--;
    } else if (p[0] != '6') {
        fail("polling packet %.*s", (int)(n < 80 ? n : 80), p);
    }
}

static void on_poll_body(struct client *k, const uint8_t *body, size_t n) {
    bool in_round = k->round_left > 0;
    k->poll_pending = false;
    for (size_t start = 0; start < n;) {
        const uint8_t *end = memchr(body + start, 0x1e, n - start);
        size_t stop = end ? (size_t)(end - body) : n;
        on_poll_packet(k, body + start, stop - start);
        start = stop + 1;
    }
    if (in_round && !k->round_left && !k->round_due) k->round_due = k->round_left = option.depth,
                                                     k->sent[0] = now;
    post_what_is_due(k);
    if (k->probed) finish_upgrade(k);
    else if (!k->poll_pending) poll_get(k);
}

/* ---------------------------------------------------------------- bytes in */

static void closed_by_server(struct connection *c) {
    struct client *k = c->client;
    if (c->role == WEBSOCKET && k->closing) {
        close_connection(c);
        start_client(k);
        return;
    }
    if (c->role == WEBSOCKET) fail("the server closed websocket %u", k->index);
    /* a keep-alive connection may be closed between two requests, not during one */
    if (c->role == POLL ? k->poll_pending : k->post_pending)
        fail("the server closed an HTTP connection during a request");
    close_connection(c);
}

static const char *header(const char *head, const char *name) {
    const char *found = strcasestr(head, name);
    return found ? found + strlen(name) : NULL;
}

/* Removes the chunked coding in place; returns the body's length, or -1 when incomplete. */
static long unchunk(uint8_t *body, size_t n, size_t *consumed) {
    size_t in = 0, out = 0;
    for (bool moving = false;;) {  /* look first whether all of it is there, then move */
        uint8_t *line = memmem(body + in, n - in, "\r\n", 2);
        if (!line) return -1;
        size_t size = strtoul((char *)body + in, NULL, 16);
        in = (size_t)(line - body) + 2;
        if (n - in < size + 2) return -1;
        if (moving) memmove(body + out, body + in, size);
        out += size;
        in += size + 2;
        if (size) continue;
        if (moving) break;
        moving = true;
        in = out = 0;
    }
    *consumed = in;
    return (long)out;
}

/* Takes one whole response off the buffer; returns the bytes consumed, 0 when incomplete. */
static size_t on_response(struct connection *c, uint8_t *p, size_t n) {
    struct client *k = c->client;
    uint8_t *end = memmem(p, n, "\r\n\r\n", 4);
    if (!end) return 0;
    size_t head_length = (size_t)(end - p) + 4, consumed = 0;
    end[2] = 0;  /* the header as a string; put back if the body is incomplete */
    int status = atoi((char *)p + 9);
    if (c->role == WEBSOCKET) {
        if (status != 101) fail("websocket handshake answered: %.80s", p);
        c->stage = FRAMES;
        if (option.bare) became_ready(k);
        else if (k->sid[0]) frame_now(c, 1, "2probe");
        return head_length;
    }
    const char *length = header((char *)p, "\r\ncontent-length:");
    const char *coding = header((char *)p, "\r\ntransfer-encoding: chunked");
    const char *close_wanted = header((char *)p, "\r\nconnection: close");
    end[2] = '\r';
    uint8_t *body = p + head_length;
    long body_length;
    if (coding) {
        body_length = unchunk(body, n - head_length, &consumed);
        if (body_length < 0) return 0;
    } else {
        body_length = length ? atol(length) : 0;
        if (n - head_length < (size_t)body_length) return 0;
        consumed = (size_t)body_length;
    }
    if (status != 200) fail("polling answered: %.200s", p);
    if (close_wanted) close_connection(c);
    if (c->role == POLL) {
        on_poll_body(k, body, (size_t)body_length);
    } else {
        k->post_pending = false;
        post_what_is_due(k);
    }
    return close_wanted ? n : head_length + consumed;
}

static size_t on_frames(struct connection *c, const uint8_t *p, size_t n) {
    size_t at = 0;
    while (at < n && c->stage == FRAMES) {
        if (c->skip) {
            size_t take = n - at < c->skip ? n - at : (size_t)c->skip;
            at += take;
            c->skip -= take;
            if (!c->skip) perform(c, c->action);
            continue;
        }
        size_t left = n - at, head = 2;
        if (left < 2) break;
        uint64_t length = p[at + 1] & 127;
        if (!(p[at] & 0x80)) fail("fragmented frame");
        if (p[at + 1] & 0x80) fail("masked frame from the server");
        if (length == 126) {
            if (left < 4) break;
            length = (uint64_t)p[at + 2] << 8 | p[at + 3];
            head = 4;
        } else if (length == 127) {
            if (left < 10) break;
            length = 0;
            for (int i = 0; i < 8; i++) length = length << 8 | p[at + 2 + i];
            head = 10;
        }
        size_t look = length < PREFIX ? (size_t)length : PREFIX;
        if (left < head + look) break;
        c->action = classify(c, p[at] & 15, p + at + head, look, length);
        size_t take = left - head < length ? left - head : (size_t)length;
        at += head + take;
        c->skip = length - take;
        if (!c->skip) perform(c, c->action);
    }
    return at;
}

/* Sends what this read made due, in one system call per kind. */
static void settle(struct connection *c) {
    struct client *k = c->client;
    if (replies_length) {
        size_t n = replies_length;
        replies_length = 0;
        transmit(c, replies, n);
    }
    if (k->owed) {
        uint32_t n = k->owed;
        k->owed = 0;
        for (uint32_t i = 0; i < n; i++) k->sent[k->sent_count++ % option.depth] = now;
        transmit(c, burst, event_length * n);
    }
}

static void on_readable(struct connection *c) {
    size_t have = c->in_length;
    memcpy(scratch, c->in ? c->in : scratch, have);
    ssize_t n = recv(c->fd, scratch + have, SCRATCH - have - 1, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) {
        closed_by_server(c);
        return;
    }
    uint32_t generation = c->generation;
    size_t total = have + (size_t)n, at = 0;
    scratch[total] = 0;
    while (at < total && c->generation == generation && c->stage != CLOSED) {
        size_t used = c->stage == HTTP ? on_response(c, scratch + at, total - at)
                                       : on_frames(c, scratch + at, total - at);
        if (!used) break;
        at += used;
    }
    if (c->generation != generation || c->stage == CLOSED) {  /* closed while parsing */
        replies_length = 0;
        return;
    }
    settle(c);
    size_t left = total - at;
    free(c->in);
    c->in = NULL;
    c->in_length = left;
    if (left) {
        c->in = malloc(left);
        if (!c->in) fail("out of memory");
        memcpy(c->in, scratch + at, left);
    }
}

/* ---------------------------------------------------------------- the run */

static struct {
    uint64_t time, messages;
    double own, server, machine;
} begin;

static void begin_window(void) {
    phase = WINDOW;
    memset(histogram, 0, sizeof histogram);
    latency_max = 0;
    begin.own = own_cpu();
    begin.server = server_cpu();
    begin.machine = machine_cpu();
    begin.time = now = clock_now();
    begin.messages = messages;
    phase_end = now + (uint64_t)(option.seconds * 1e9);
}

static void report(void) {
    uint64_t ended = clock_now();
    double own = own_cpu() - begin.own, server = server_cpu() - begin.server;
    double machine = machine_cpu() - begin.machine;
    double wall = (double)(ended - begin.time) / 1e9;
    uint64_t count = messages - begin.messages;
    printf("{\"mode\": \"%s\", \"clients\": %u, \"depth\": %u, \"size\": %zu, \"messages\": %llu, "
           "\"seconds\": %.4f, \"own_cpu\": %.4f, \"server_cpu\": %.4f, \"machine_cpu\": %.4f, "
           "\"ramp_seconds\": %.3f, \"bottleneck\": %s, "
           "\"latency_us\": {\"p50\": %.1f, \"p90\": %.1f, \"p99\": %.1f, \"max\": %.1f}}\n",
           option.mode_name, option.clients, option.depth, option.size, (unsigned long long)count,
           wall, own, server, machine, (double)(begin.time - process_start) / 1e9 - option.warmup,
           own > BOTTLENECK_SHARE * wall ? "true" : "false",
           percentile(0.5), percentile(0.9), percentile(0.99), (double)latency_max / 1e3);
    fflush(stdout);
}

static void prepare_frames(void) {
    char *text;
    char *payload = malloc(option.size + 1);
    for (size_t i = 0; i < option.size; i++) payload[i] = (char)('a' + i % 26);
    payload[option.size] = 0;
    if (asprintf(&poll_event, "42[\"echo\",\"%s\"]", payload) < 0) fail("out of memory");
    uint8_t *one = malloc(option.size + 256);
    if (option.binary && !option.bare) {
        text = "451-[\"echo\",{\"_placeholder\":true,\"num\":0}]";
        event_length = frame(one, 1, text, strlen(text));
        event_length += frame(one + event_length, 2, payload, option.size);
    } else if (option.binary) {
        event_length = frame(one, 2, payload, option.size);
    } else {
        event_length = frame(one, 1, poll_event, strlen(poll_event));
    }
    burst = malloc(event_length * option.depth);
    for (uint32_t i = 0; i < option.depth; i++) memcpy(burst + i * event_length, one, event_length);
    for (uint32_t i = 0; i < option.groups; i++) {
        struct group *g = &groups[i];
        /* a bare server broadcasts what begins with B */
        int n = option.mode == BURST
                    ? asprintf(&text, "42[\"burst\",%u,\"%s\"]", option.depth, payload)
                : option.bare  ? asprintf(&text, "B2[\"news\",\"%s\"]", payload)
                : option.rooms ? asprintf(&text, "42[\"room\",\"r%u\",\"%s\"]", i, payload)
                               : asprintf(&text, "42[\"broadcast\",\"%s\"]", payload);
        if (n < 0) fail("out of memory");
        g->trigger = malloc((size_t)n + 14);
        g->trigger_length = frame(g->trigger, 1, text, (size_t)n);
        free(text);
    }
    free(one);
    free(payload);
}

static void prepare_clients(void) {
    bool apart = option.mode == GROUP && option.leader_port;
    client_total = option.clients + (apart ? option.groups : 0);
    clients = calloc(client_total, sizeof *clients);
    groups = calloc(option.groups, sizeof *groups);
    if (!clients || !groups) fail("out of memory");
    for (uint32_t i = 0; i < client_total; i++) {
        struct client *k = &clients[i];
        k->index = i;
        k->websocket = (struct connection){.fd = -1, .role = WEBSOCKET, .client = k};
        k->poll = (struct connection){.fd = -1, .role = POLL, .client = k};
        k->post = (struct connection){.fd = -1, .role = POST, .client = k};
        k->sent = calloc(option.depth, sizeof *k->sent);
        k->group = &groups[i % option.groups];
        k->leader_only = i >= option.clients;
        if (!k->leader_only) k->group->size++;
        if (!k->group->leader || k->leader_only) k->group->leader = k;
    }
}

static void parse_options(int argc, char **argv) {
    static const struct option known[] = {
        {"mode", 1, 0, 'm'},     {"port", 1, 0, 'p'},    {"leader-port", 1, 0, 'l'},
        {"clients", 1, 0, 'c'},  {"depth", 1, 0, 'd'},   {"size", 1, 0, 's'},
        {"binary", 0, 0, 'b'},   {"bare", 0, 0, 'B'},    {"rooms", 1, 0, 'r'},
        {"seconds", 1, 0, 't'},  {"warmup", 1, 0, 'w'},  {"deadline", 1, 0, 'D'},
        {"least", 1, 0, 'L'},    {"pid", 1, 0, 'P'},     {"parallel", 1, 0, 'C'},
        {"sources", 1, 0, 'S'},
        {0, 0, 0, 0}};
    static const char *modes[] = {"echo",    "group",   "burst", "ack",
                                  "connect", "upgrade", "polling", "idle"};
    int given, found;
    while ((given = getopt_long(argc, argv, "", known, NULL)) != -1) {
        switch (given) {
        case 'm':
            found = -1;
            for (int i = 0; i < 8; i++)
                if (!strcmp(modes[i], optarg)) found = i;
            if (found < 0) fail("no mode %s", optarg);
            option.mode = (enum mode)found;
            option.mode_name = modes[found];
            break;
        case 'p': option.port = atoi(optarg); break;
        case 'l': option.leader_port = atoi(optarg); break;
        case 'c': option.clients = (uint32_t)atoi(optarg); break;
        case 'd': option.depth = (uint32_t)atoi(optarg); break;
        case 's': option.size = (size_t)atol(optarg); break;
        case 'b': option.binary = true; break;
        case 'B': option.bare = true; break;
        case 'r': option.rooms = true; option.groups = (uint32_t)atoi(optarg); break;
        case 't': option.seconds = atof(optarg); break;
        case 'w': option.warmup = atof(optarg); break;
        case 'D': option.deadline = atof(optarg); break;
        case 'L': option.least = (uint64_t)atoll(optarg); break;
        case 'C': option.parallel = (uint32_t)atoi(optarg); break;
        case 'S': option.sources = (uint32_t)atoi(optarg); break;
        case 'P':
            if (option.pid_count == MAX_PIDS) fail("too many processes");
            option.pids[option.pid_count++] = atoi(optarg);
            break;
        default: exit(2);
        }
    }
    if (!option.port) fail("--port is missing");
    if (!option.clients || !option.depth || option.depth > MAX_DEPTH) fail("bad --clients/--depth");
    if (!option.groups || option.groups > option.clients) fail("bad --rooms");
}

int main(int argc, char **argv) {
    struct rlimit files;
    parse_options(argc, argv);
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    if (files.rlim_max < option.clients + 64u)
        fail("%u clients need more open files than the limit of %lu (raise ulimit -n)",
             option.clients, (unsigned long)files.rlim_max);
    scratch = malloc(SCRATCH);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    server_address = (struct sockaddr_in){.sin_family = AF_INET,
                                          .sin_port = htons((uint16_t)option.port),
                                          .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    leader_address = server_address;
    leader_address.sin_port = htons((uint16_t)option.leader_port);
    prepare_clients();
    prepare_frames();
    process_start = now = clock_now();
    uint64_t deadline = now + (uint64_t)(option.deadline * 1e9);
    bool holding = false;  /* idle mode: everyone is connected, standard input says when to end */
    struct epoll_event events[512];
    for (;;) {
        if (phase == RAMP) {
            while (launched < client_total && launched - ready < option.parallel)
                start_client(&clients[launched++]);
            if (ready == client_total && option.mode == IDLE && !holding) {
                holding = true;
                printf("ready\n");
                fflush(stdout);
                begin_window();
                phase = RAMP;
                struct epoll_event input = {.events = EPOLLIN, .data.ptr = NULL};
                epoll_ctl(epoll_fd, EPOLL_CTL_ADD, STDIN_FILENO, &input);
            } else if (ready == client_total && !holding) {
                start_case();
            }
        }
        int n = epoll_wait(epoll_fd, events, 512, 20);
        if (n < 0 && errno != EINTR) fail("epoll_wait: %s", strerror(errno));
        for (int i = 0; i < n; i++) {
            struct connection *c = events[i].data.ptr;
            if (!c) {
                report();
                return 0;
            }
            if (c->stage == CLOSED) continue;
            now = clock_now();
            if (events[i].events & EPOLLOUT && c->out_length) flush_kept(c);
            if (events[i].events & ~(uint32_t)EPOLLOUT && c->stage != CLOSED) on_readable(c);
        }
        now = clock_now();
        if (now > deadline) fail("deadline of %.0f s passed", option.deadline);
        if (phase == WARMUP && now >= phase_end) begin_window();
        /* a server in long rounds gets the time for some of them; the deadline still holds */
        if (phase == WINDOW && now >= phase_end && messages - begin.messages >= option.least) {
            report();
            return 0;
        }
    }
}
