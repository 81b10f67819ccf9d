/*
 * UDP sockets that take and give many datagrams a system call (recvmmsg, sendmmsg; Linux), for udp-batch.ts.
 *
 * What Node.js does a datagram - a buffer, an object for its address, a call into JavaScript, an object for each send -
 * costs as much as the proxy's own work on a message. Here datagrams lie side by side in memory that both sides know,
 * with numbers that tell where, and JavaScript is called once for all that have come. What it puts there to be sent
 * goes out when that call returns, and else before the event loop waits again.
 *
 * ICMP errors come by the socket's error queue (IP_RECVERR), with the beginning of the datagram that each is about. It
 * is read only when the kernel says that something is in it, so that datagrams cost nothing more.
 *
 * While many datagrams come they are taken some at a time, every half millisecond, or every three milliseconds while
 * nearly all requests are of no call: to be woken costs as much CPU as the work on several messages, on a virtual
 * machine some 30 µs.
 */
#define _GNU_SOURCE
#define NAPI_VERSION 8
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <node_api.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Of libuv, which Node.js exports. Its handles are opaque here, and their sizes are asked for. */
typedef struct uv_loop_s uv_loop_t;
typedef struct uv_handle_s uv_handle_t;
enum { UV_POLL = 8, UV_PREPARE = 9, UV_READABLE = 1, UV_WRITABLE = 2 };
extern size_t uv_handle_size(int type);
extern const char *uv_handle_type_name(int type);
extern void *uv_handle_get_data(const uv_handle_t *);
extern void uv_handle_set_data(uv_handle_t *, void *);
extern void uv_unref(uv_handle_t *);
extern uv_loop_t *uv_handle_get_loop(const uv_handle_t *);
extern int uv_backend_timeout(const uv_loop_t *);
extern void uv_close(uv_handle_t *, void (*)(uv_handle_t *));
extern int uv_poll_init(uv_loop_t *, uv_handle_t *, int fd);
extern int uv_poll_start(uv_handle_t *, int events, void (*)(uv_handle_t *, int status, int events));
extern int uv_prepare_init(uv_loop_t *, uv_handle_t *);
extern int uv_prepare_start(uv_handle_t *, void (*)(uv_handle_t *));

/* As udp-batch.ts has them. */
enum {
  BATCH = 64,               /* datagrams a system call */
  SLOT = 65536,             /* bytes for each that comes in: none is larger */
  QUEUE = 4096,             /* datagrams that may wait to go out */
  RECEIVED_STRIDE = 3,      /* length, address, port; of IPv6 the length of its text in place of the address */
  SENT_HEAD = 2,            /* how many datagrams wait, how many bytes they take */
  SENT_STRIDE = 4,          /* offset, length, address, port */
  VERSION = 4,              /* of all that is said here and of open()'s arguments */
  QUOTE = 576,              /* bytes for what an ICMP error quotes: Linux sends no larger ones (RFC 1812 4.3.2.3) */
  ERROR_STRIDE = 4,         /* length, address, port, error */
  NAME = 64,                /* bytes for the text of an IPv6 address: of those that come in, go out, are quoted, failed */
  IN_NAMES = 0,
  OUT_NAMES = BATCH,
  QUOTE_NAMES = OUT_NAMES + QUEUE,
  FAILED_NAME = QUOTE_NAMES + BATCH,
  NAMES = FAILED_NAME + 1,
  TURNS = 4,                /* batches taken before others get their turn */
  TRIES = 8                 /* of a call that brings an error which may be about something else */
};

/* µs from one turn to the next while datagrams are many; how many that are, a second. */
typedef struct {
  uint32_t pace, many;
} Traffic;
static const Traffic CALLS = {.pace = 525, .many = 5000}, PATIENT = {.pace = 3000, .many = 1500};
enum {
  FEW = 16,                 /* so many patient ones at least for each that is urgent */
  JUDGED = 16000            /* µs over which they are counted */
};

/* An error of the queue, as ip(7) has it. */
typedef struct {
  uint32_t error;
  uint8_t origin, type, code, pad;
  uint32_t info, data;
} Extended;
enum { FROM_ICMP = 2, UNREACHABLE = 3, FRAGMENTATION_NEEDED = 4, PARAMETER_PROBLEM = 12 };
enum { FROM_ICMP6 = 3, UNREACHABLE6 = 1, PARAMETER_PROBLEM6 = 4 };
typedef union {
  sa_family_t family;
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
} Address;
typedef union {
  struct cmsghdr head;
  uint8_t bytes[CMSG_SPACE(sizeof(Extended) + sizeof(struct sockaddr_in6))];
} Control;

typedef struct Socket {
  struct Socket *next;
  napi_env env;
  napi_async_context context;
  napi_ref self, received, failed, undelivered, keep[7];
  uint8_t *in, *out, *quotes;
  char *names;
  uint32_t *in_numbers, *out_numbers, *quote_numbers;
  uv_handle_t *poll, *prepare;
  int fd, family, events, open_handles;
  /* How many of `arriving` the last call filled. */
  int arrived;
  bool closed;
  struct mmsghdr messages[BATCH], arriving[BATCH];
  struct iovec parts[BATCH], slots[BATCH];
  Address peers[BATCH];
  Control controls[BATCH];
} Socket;

/* All sockets of this thread, which has one event loop. */
static _Thread_local Socket *sockets;

/*
 * What has come since the last turn, and whether there may be more; since when (µs) it is counted, how many there were,
 * and how many of them of either kind; whether these are many, and how long is waited then (µs).
 */
static _Thread_local struct {
  uint32_t came, counted, patient, urgent, wait, pauses;
  uint64_t since, next;
  bool full, many;
} pace;

/*
 * Counts what somebody may wait for on the line, and what only phones and servers wait for: REGISTER, OPTIONS,
 * SUBSCRIBE, NOTIFY, PUBLISH. Keep-alives are nobody's. A response is as its request, which may have come by TCP: that
 * the called phone rings is said of calls alone (RFC 3261 21.1).
 */
static void judge(const uint8_t *text, uint32_t length) {
  if (length < 4 || text[0] < 'A' || text[0] > 'Z') return;
  if (memcmp(text, "SIP/", 4) == 0) {
    if (length > 9 && memcmp(text, "SIP/2.0 18", 10) == 0) pace.urgent++;
  } else if (memcmp(text, "REGI", 4) == 0 || memcmp(text, "OPTI", 4) == 0 || memcmp(text, "SUBS", 4) == 0 ||
      memcmp(text, "NOTI", 4) == 0 || memcmp(text, "PUBL", 4) == 0)
    pace.patient++;
  else
    pace.urgent++;
}

/* What open returns where the system refuses: the negative number of the error, as libuv has them. */
static napi_value refused(napi_env env, int error) {
  napi_value number;
  napi_create_int32(env, -error, &number);
  return number;
}

/* Calls back with three numbers, as a turn of its own. */
static void call(Socket *s, napi_ref function, uint32_t a, uint32_t b, uint32_t c) {
  napi_handle_scope scope;
  napi_value self, callee, arguments[3];
  if (napi_open_handle_scope(s->env, &scope) != napi_ok) return;
  napi_get_reference_value(s->env, s->self, &self);
  napi_get_reference_value(s->env, function, &callee);
  napi_create_uint32(s->env, a, &arguments[0]);
  napi_create_uint32(s->env, b, &arguments[1]);
  napi_create_uint32(s->env, c, &arguments[2]);
  if (napi_make_callback(s->env, s->context, self, callee, 3, arguments, NULL) == napi_pending_exception) {
    napi_value error;
    napi_get_and_clear_last_exception(s->env, &error);
    napi_fatal_exception(s->env, error);
  }
  napi_close_handle_scope(s->env, scope);
}

/*
 * What `name`, of so many bytes, says, with its zone as in fe80::1%eth0. What is no address becomes one that no socket of
 * IPv6 alone reaches: the IPv4 address 0.0.0.0.
 */
static void read_name(const char *name, uint32_t length, struct sockaddr_in6 *to) {
  char text[NAME + 1];
  if (length > NAME) length = NAME;
  memcpy(text, name, length);
  text[length] = 0;
  char *zone = strchr(text, '%');
  if (zone != NULL) {
    *zone++ = 0;
    to->sin6_scope_id = if_nametoindex(zone);
  }
  to->sin6_family = AF_INET6;
  if (inet_pton(AF_INET6, text, &to->sin6_addr) != 1) inet_pton(AF_INET6, "::ffff:0.0.0.0", &to->sin6_addr);
}

/* The same the other way, as Node.js writes it; its length. */
static uint32_t write_name(char *name, const struct sockaddr_in6 *of) {
  char text[INET6_ADDRSTRLEN + 1 + IF_NAMESIZE] = "", zone[IF_NAMESIZE];
  inet_ntop(AF_INET6, &of->sin6_addr, text, INET6_ADDRSTRLEN);
  if (of->sin6_scope_id != 0 && IN6_IS_ADDR_LINKLOCAL(&of->sin6_addr) &&
      if_indextoname(of->sin6_scope_id, zone) != NULL) {
    strcat(text, "%");
    strcat(text, zone);
  }
  size_t length = strlen(text);
  memcpy(name, text, length);
  return (uint32_t)length;
}

static char *name_of(Socket *s, uint32_t slot) { return s->names + (size_t)slot * NAME; }

/* Where a datagram that waits is to go; how many bytes that takes. */
static socklen_t destination(Socket *s, uint32_t index, Address *to) {
  const uint32_t *one = s->out_numbers + SENT_HEAD + index * SENT_STRIDE;
  if (s->family == AF_INET) {
    to->v4 = (struct sockaddr_in){
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(one[2]), .sin_port = htons((uint16_t)one[3])};
    return sizeof to->v4;
  }
  to->v6 = (struct sockaddr_in6){.sin6_port = htons((uint16_t)one[3])};
  read_name(name_of(s, OUT_NAMES + index), one[2], &to->v6);
  return sizeof to->v6;
}

/* Tells JavaScript of an address: two numbers, and for IPv6 its text in this slot of the names. */
static void tell(Socket *s, const Address *from, uint32_t slot, uint32_t *numbers) {
  if (s->family == AF_INET) {
    numbers[0] = ntohl(from->v4.sin_addr.s_addr);
    numbers[1] = ntohs(from->v4.sin_port);
  } else {
    numbers[0] = write_name(name_of(s, slot), &from->v6);
    numbers[1] = ntohs(from->v6.sin6_port);
  }
}

/* The first so many of those that wait are gone. */
static void shift(Socket *s, uint32_t sent) {
  uint32_t *numbers = s->out_numbers, left = numbers[0] - sent;
  memmove(numbers + SENT_HEAD, numbers + SENT_HEAD + sent * SENT_STRIDE, left * SENT_STRIDE * sizeof *numbers);
  if (s->family == AF_INET6)
    memmove(name_of(s, OUT_NAMES), name_of(s, OUT_NAMES + sent), (size_t)left * NAME);
  numbers[0] = left;
  if (left == 0) numbers[1] = 0;
}

static void on_poll(uv_handle_t *handle, int status, int events);

static void watch(Socket *s, int events) {
  if (s->closed || s->events == events) return;
  s->events = events;
  uv_poll_start(s->poll, events, on_poll);
}

/* Sends what waits; what the kernel would not take stays, in order, and goes when it will. */
static void flush(Socket *s) {
  uint32_t *numbers = s->out_numbers;
  uint32_t count = numbers[0], sent = 0;
  int tries = 0;
  while (sent < count && !s->closed) {
    uint32_t batch = count - sent < BATCH ? count - sent : BATCH;
    for (uint32_t i = 0; i < batch; i++) {
      const uint32_t *one = numbers + SENT_HEAD + (sent + i) * SENT_STRIDE;
      s->parts[i] = (struct iovec){.iov_base = s->out + one[0], .iov_len = one[1]};
      s->messages[i].msg_hdr = (struct msghdr){
          .msg_name = &s->peers[i], .msg_namelen = destination(s, sent + i, &s->peers[i]), .msg_iov = &s->parts[i], .msg_iovlen = 1};
    }
    int taken = sendmmsg(s->fd, s->messages, batch, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (taken >= 0) {
      sent += (uint32_t)taken;
      tries = 0;
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      break;
    } else if (errno == ENOBUFS) {
      /* The device's queue was full and it is gone, which UDP tells with IP_RECVERR only. */
      sent++;
    } else if (errno != EINTR && ++tries >= TRIES) {
      /* What ICMP said of another datagram is told once, by whichever call comes next, which then has done nothing. */
      tries = 0;
      const uint32_t *one = numbers + SENT_HEAD + sent * SENT_STRIDE;
      uint32_t error = (uint32_t)errno, address = one[2], port = one[3];
      if (s->family == AF_INET6) memcpy(name_of(s, FAILED_NAME), name_of(s, OUT_NAMES + sent), NAME);
      /* Put in order first: the callback may send. */
      shift(s, sent + 1);
      call(s, s->failed, error, address, port);
      count = numbers[0];
      sent = 0;
    }
  }
  if (sent == count) {
    numbers[0] = numbers[1] = 0;
    watch(s, UV_READABLE);
  } else {
    shift(s, sent);
    watch(s, UV_READABLE | UV_WRITABLE);
  }
}

/* Once: where datagrams go that arrive. */
static void make_room(Socket *s) {
  for (int i = 0; i < BATCH; i++) {
    s->slots[i] = (struct iovec){.iov_base = s->in + (size_t)i * SLOT, .iov_len = SLOT};
    s->arriving[i].msg_hdr = (struct msghdr){
        .msg_name = &s->peers[i], .msg_namelen = sizeof s->peers[i], .msg_iov = &s->slots[i], .msg_iovlen = 1};
  }
}

static void receive(Socket *s) {
  int error = 0;
  for (int turn = 0; turn < TURNS && !s->closed; turn++) {
    for (int i = 0; i < s->arrived; i++) s->arriving[i].msg_hdr.msg_namelen = sizeof s->peers[i];
    int count = recvmmsg(s->fd, s->arriving, BATCH, MSG_DONTWAIT, NULL);
    if (count > 0) s->arrived = count;
    if (count < 0) {
      if (errno == EAGAIN || errno == EWOULDBLOCK) return;
      /* What ICMP said is told once, and the error queue has it, too. */
      error = errno;
      continue;
    }
    for (int i = 0; i < count; i++) {
      uint32_t *one = s->in_numbers + i * RECEIVED_STRIDE;
      one[0] = s->arriving[i].msg_len;
      judge(s->in + (size_t)i * SLOT, one[0]);
      tell(s, &s->peers[i], IN_NAMES + (uint32_t)i, one + 1);
    }
    error = 0;
    pace.came += (uint32_t)count;
    call(s, s->received, (uint32_t)count, 0, 0);
    if (!s->closed && s->out_numbers[0] > 0) flush(s);
    /* What came meanwhile is taken at once, unless it is waited for anyway: to ask again costs less than a turn of the loop. */
    if (turn == TURNS - 1 && count == BATCH) pace.full = true;
    if (pace.many && count < BATCH) return;
  }
  if (error != 0 && error != EINTR && !s->closed) call(s, s->failed, (uint32_t)error, 0, 0);
}

/* RFC 3261 18.4: destinations that are unreachable, whatever of them is, and parameter problems. */
static bool is_failure(const struct msghdr *message, uint32_t *error) {
  const struct cmsghdr *head = CMSG_FIRSTHDR(message);
  if (head == NULL) return false;
  bool is_v4 = head->cmsg_level == IPPROTO_IP && head->cmsg_type == IP_RECVERR;
  if (!is_v4 && (head->cmsg_level != IPPROTO_IPV6 || head->cmsg_type != IPV6_RECVERR)) return false;
  Extended extended;
  memcpy(&extended, CMSG_DATA(head), sizeof extended);
  *error = extended.error;
  if (extended.origin == FROM_ICMP6) return extended.type == UNREACHABLE6 || extended.type == PARAMETER_PROBLEM6;
  if (extended.origin != FROM_ICMP) return false;
  return extended.type == PARAMETER_PROBLEM ||
         (extended.type == UNREACHABLE && extended.code != FRAGMENTATION_NEEDED);
}

/* One batch of the error queue; the kernel says again that there is more. */
static void read_errors(Socket *s) {
  for (int i = 0; i < BATCH; i++) {
    s->parts[i] = (struct iovec){.iov_base = s->quotes + (size_t)i * QUOTE, .iov_len = QUOTE};
    s->messages[i].msg_hdr = (struct msghdr){.msg_name = &s->peers[i], .msg_namelen = sizeof s->peers[i],
        .msg_iov = &s->parts[i], .msg_iovlen = 1, .msg_control = &s->controls[i], .msg_controllen = sizeof(Control)};
  }
  int count = recvmmsg(s->fd, s->messages, BATCH, MSG_DONTWAIT | MSG_ERRQUEUE, NULL);
  uint32_t failures = 0;
  for (int i = 0; i < count; i++) {
    uint32_t *one = s->quote_numbers + failures * ERROR_STRIDE;
    if (!is_failure(&s->messages[i].msg_hdr, &one[3])) continue;
    one[0] = s->messages[i].msg_len;
    tell(s, &s->peers[i], QUOTE_NAMES + failures, one + 1);
    /* Side by side, whatever lies between. */
    if (failures != (uint32_t)i) memcpy(s->quotes + (size_t)failures * QUOTE, s->quotes + (size_t)i * QUOTE, one[0]);
    failures++;
  }
  if (failures > 0) call(s, s->undelivered, failures, 0, 0);
}

static void on_poll(uv_handle_t *handle, int status, int events) {
  Socket *s = uv_handle_get_data(handle);
  if (s->closed) return;
  if (status < 0) {
    /* libuv has stopped watching, as it does for whatever error. */
    int watched = s->events;
    s->events = 0;
    watch(s, watched);
    read_errors(s);
    if (s->closed) return;
  }
  if (events & UV_WRITABLE) flush(s);
  /* An error of the socket is read, and thereby cleared, by the next call. */
  if (!s->closed && (status < 0 || events & UV_READABLE)) receive(s);
}

static uint64_t microseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/*
 * Waits for what else is to come, if datagrams are many, all that came were taken, the last turn was only just now, and
 * no timer is due. One that becomes due meanwhile waits, too, and so do connections.
 */
static void keep_pace(const uv_loop_t *loop) {
  if (pace.came == 0) return;
  uint64_t now = microseconds(), elapsed = now - pace.since;
  pace.counted += pace.came;
  pace.came = 0;
  if (elapsed >= JUDGED) {
    const Traffic *traffic = pace.patient >= FEW * pace.urgent && pace.patient > 0 ? &PATIENT : &CALLS;
    pace.many = (uint64_t)pace.counted * 1000000 >= traffic->many * elapsed;
    pace.wait = traffic->pace;
    pace.since = now;
    pace.counted = pace.patient = pace.urgent = 0;
  }
  if (pace.many && !pace.full && now < pace.next && uv_backend_timeout(loop) != 0) {
    struct timespec until = {.tv_sec = (time_t)(pace.next / 1000000), .tv_nsec = (long)(pace.next % 1000000) * 1000};
    /* A signal ends it early. */
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
    now = microseconds();
    pace.pauses++;
  }
  pace.full = false;
  pace.next = now + pace.wait;
}

/* The event loop is about to wait. */
static void on_prepare(uv_handle_t *handle) {
  for (Socket *s = sockets, *next; s != NULL; s = next) {
    /* It may be closed by what it calls. */
    next = s->next;
    if (!s->closed && s->out_numbers[0] > 0) flush(s);
  }
  keep_pace(uv_handle_get_loop(handle));
}

static void release(Socket *s) {
  for (int i = 0; i < 7; i++) {
    if (s->keep[i] != NULL) napi_delete_reference(s->env, s->keep[i]);
  }
  napi_delete_reference(s->env, s->self);
  napi_delete_reference(s->env, s->received);
  napi_delete_reference(s->env, s->failed);
  napi_delete_reference(s->env, s->undelivered);
  napi_async_destroy(s->env, s->context);
  free(s);
}

static void on_closed(uv_handle_t *handle) {
  Socket *s = uv_handle_get_data(handle);
  free(handle);
  if (--s->open_handles == 0) {
    napi_handle_scope scope;
    napi_open_handle_scope(s->env, &scope);
    napi_env env = s->env;
    release(s);
    napi_close_handle_scope(env, scope);
  }
}

static void stop(Socket *s) {
  if (s->closed) return;
  if (s->out_numbers[0] > 0) flush(s);
  s->closed = true;
  for (Socket **one = &sockets; *one != NULL; one = &(*one)->next) {
    if (*one != s) continue;
    *one = s->next;
    break;
  }
  uv_close(s->poll, on_closed);
  uv_close(s->prepare, on_closed);
  close(s->fd);
}

static void at_exit(void *data) { stop(data); }

static Socket *of(napi_env env, napi_callback_info info) {
  void *data = NULL;
  napi_get_cb_info(env, info, NULL, NULL, NULL, &data);
  return data;
}

static napi_value js_flush(napi_env env, napi_callback_info info) {
  Socket *s = of(env, info);
  if (!s->closed) flush(s);
  return NULL;
}

/* The last call: the functions of a closed socket are not called again. */
static napi_value js_close(napi_env env, napi_callback_info info) {
  Socket *s = of(env, info);
  napi_remove_env_cleanup_hook(env, at_exit, s);
  stop(s);
  return NULL;
}

static void *memory(napi_env env, napi_value value, napi_ref *keep, size_t least) {
  void *data = NULL;
  size_t length = 0;
  bool is_buffer = false;
  if (napi_is_buffer(env, value, &is_buffer) != napi_ok || !is_buffer) return NULL;
  if (napi_get_buffer_info(env, value, &data, &length) != napi_ok || length < least) return NULL;
  napi_create_reference(env, value, 1, keep);
  return data;
}

static void method(napi_env env, napi_value object, const char *name, napi_callback callback, Socket *s) {
  napi_value function;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, s, &function);
  napi_set_named_property(env, object, name, function);
}

/*
 * open(address, port, buffer, in, inNumbers, out, outNumbers, quotes, quoteNumbers, names,
 *   received(count), failed(errno, address, port), undelivered(count))
 * For IPv6 `address` is the length of its text, which is the first of the names; for IPv4 `names` is undefined.
 */
static napi_value js_open(napi_env env, napi_callback_info info) {
  size_t count = 13;
  napi_value arguments[13];
  uint32_t address = 0, port = 0, buffer = 0;
  napi_get_cb_info(env, info, &count, arguments, NULL, NULL);
  if (count != 13 || napi_get_value_uint32(env, arguments[0], &address) != napi_ok ||
      napi_get_value_uint32(env, arguments[1], &port) != napi_ok ||
      napi_get_value_uint32(env, arguments[2], &buffer) != napi_ok) {
    napi_throw_type_error(env, NULL, "open takes address, port, buffer, seven Buffers and three functions");
    return NULL;
  }
  void *names = NULL;
  size_t names_length = 0;
  bool is_v6 = false;
  napi_is_buffer(env, arguments[9], &is_v6);
  if (is_v6) napi_get_buffer_info(env, arguments[9], &names, &names_length);
  if (is_v6 && names_length < (size_t)NAMES * NAME) {
    napi_throw_range_error(env, NULL, "open takes Buffers that are large enough");
    return NULL;
  }
  int family = is_v6 ? AF_INET6 : AF_INET;
  int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return refused(env, errno);
  int on = 1, size = (int)buffer;
  Address at;
  if (is_v6) {
    at.v6 = (struct sockaddr_in6){.sin6_port = htons((uint16_t)port)};
    read_name(names, address, &at.v6);
  } else {
    at.v4 = (struct sockaddr_in){
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(address), .sin_port = htons((uint16_t)port)};
  }
  if (setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0 ||
      (is_v6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) != 0) ||
      setsockopt(fd, is_v6 ? IPPROTO_IPV6 : IPPROTO_IP, is_v6 ? IPV6_RECVERR : IP_RECVERR, &on, sizeof on) != 0 ||
      bind(fd, (void *)&at, is_v6 ? sizeof at.v6 : sizeof at.v4) != 0) {
    int error = errno;
    close(fd);
    return refused(env, error);
  }
  /* Works all the same where the system allows less, but a burst is lost sooner. */
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);

  Socket *s = calloc(1, sizeof *s);
  uv_loop_t *loop = NULL;
  napi_get_uv_event_loop(env, (struct uv_loop_s **)&loop);
  s->env = env;
  s->fd = fd;
  s->family = family;
  s->in = memory(env, arguments[3], &s->keep[0], (size_t)BATCH * SLOT);
  s->in_numbers = memory(env, arguments[4], &s->keep[1], BATCH * RECEIVED_STRIDE * sizeof(uint32_t));
  s->out = memory(env, arguments[5], &s->keep[2], SLOT);
  s->out_numbers = memory(env, arguments[6], &s->keep[3], (SENT_HEAD + QUEUE * SENT_STRIDE) * sizeof(uint32_t));
  s->quotes = memory(env, arguments[7], &s->keep[4], (size_t)BATCH * QUOTE);
  s->quote_numbers = memory(env, arguments[8], &s->keep[5], BATCH * ERROR_STRIDE * sizeof(uint32_t));
  if (is_v6) s->names = memory(env, arguments[9], &s->keep[6], (size_t)NAMES * NAME);
  s->poll = calloc(1, uv_handle_size(UV_POLL));
  s->prepare = calloc(1, uv_handle_size(UV_PREPARE));
  if (s->in == NULL || s->in_numbers == NULL || s->out == NULL || s->out_numbers == NULL ||
      s->quotes == NULL || s->quote_numbers == NULL || uv_poll_init(loop, s->poll, fd) != 0) {
    close(fd);
    napi_throw_range_error(env, NULL, "open takes Buffers that are large enough");
    return NULL;
  }
  make_room(s);
  uv_prepare_init(loop, s->prepare);
  uv_handle_set_data(s->poll, s);
  uv_handle_set_data(s->prepare, s);
  s->open_handles = 2;
  s->next = sockets;
  sockets = s;

  napi_value self, name;
  napi_create_object(env, &self);
  napi_create_string_utf8(env, "UDP", NAPI_AUTO_LENGTH, &name);
  napi_async_init(env, self, name, &s->context);
  napi_create_reference(env, self, 1, &s->self);
  napi_create_reference(env, arguments[10], 1, &s->received);
  napi_create_reference(env, arguments[11], 1, &s->failed);
  napi_create_reference(env, arguments[12], 1, &s->undelivered);
  method(env, self, "flush", js_flush, s);
  method(env, self, "close", js_close, s);
  napi_add_env_cleanup_hook(env, at_exit, s);
  uv_unref(s->prepare);
  uv_prepare_start(s->prepare, on_prepare);
  watch(s, UV_READABLE);
  return self;
}

/* How often datagrams were waited for although some were there. */
static napi_value js_pauses(napi_env env, napi_callback_info info) {
  (void)info;
  napi_value number;
  napi_create_uint32(env, pace.pauses, &number);
  return number;
}

NAPI_MODULE_INIT() {
  if (strcmp(uv_handle_type_name(UV_POLL), "poll") != 0 || strcmp(uv_handle_type_name(UV_PREPARE), "prepare") != 0) {
    napi_throw_error(env, NULL, "this Node.js numbers libuv's handles in another way");
    return NULL;
  }
  napi_value open, pauses, version;
  napi_create_function(env, "open", NAPI_AUTO_LENGTH, js_open, NULL, &open);
  napi_set_named_property(env, exports, "open", open);
  napi_create_function(env, "pauses", NAPI_AUTO_LENGTH, js_pauses, NULL, &pauses);
  napi_set_named_property(env, exports, "pauses", pauses);
  napi_create_uint32(env, VERSION, &version);
  napi_set_named_property(env, exports, "version", version);
  return exports;
}
