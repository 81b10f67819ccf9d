/*
 * UDP sockets that take and give many datagrams a system call (recvmmsg, sendmmsg; Linux, IPv4), for udp-batch.ts.
 *
 * What Node.js does a datagram - a buffer, an object for its address, a call into JavaScript, an object for each send -
 * costs as much as the proxy's own work on a message. Here datagrams lie side by side in memory that both sides know,
 * with numbers that tell where, and JavaScript is called once for all that have come. What it puts there to be sent
 * goes out when that call returns, and else before the event loop waits again.
 */
#define _GNU_SOURCE
#define NAPI_VERSION 8
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <node_api.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
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
  RECEIVED_STRIDE = 3,      /* length, address, port */
  SENT_HEAD = 2,            /* how many datagrams wait, how many bytes they take */
  SENT_STRIDE = 4,          /* offset, length, address, port */
  TURNS = 4                 /* batches taken before others get their turn */
};

typedef struct {
  napi_env env;
  napi_async_context context;
  napi_ref self, received, failed, keep[4];
  uint8_t *in, *out;
  uint32_t *in_numbers, *out_numbers;
  uv_handle_t *poll, *prepare;
  int fd, events, open_handles;
  bool closed;
  struct mmsghdr messages[BATCH];
  struct iovec parts[BATCH];
  struct sockaddr_in peers[BATCH];
} Socket;

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
  while (sent < count && !s->closed) {
    uint32_t batch = count - sent < BATCH ? count - sent : BATCH;
    for (uint32_t i = 0; i < batch; i++) {
      const uint32_t *one = numbers + SENT_HEAD + (sent + i) * SENT_STRIDE;
      s->parts[i] = (struct iovec){.iov_base = s->out + one[0], .iov_len = one[1]};
      s->peers[i] = (struct sockaddr_in){
          .sin_family = AF_INET, .sin_addr.s_addr = htonl(one[2]), .sin_port = htons((uint16_t)one[3])};
      s->messages[i].msg_hdr = (struct msghdr){
          .msg_name = &s->peers[i], .msg_namelen = sizeof s->peers[i], .msg_iov = &s->parts[i], .msg_iovlen = 1};
    }
    int taken = sendmmsg(s->fd, s->messages, batch, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (taken >= 0) {
      sent += (uint32_t)taken;
    } else if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS) {
      break;
    } else if (errno != EINTR) {
      const uint32_t *one = numbers + SENT_HEAD + sent * SENT_STRIDE;
      uint32_t error = (uint32_t)errno, address = one[2], port = one[3];
      sent++;
      /* Put in order first: the callback may send. */
      memmove(numbers + SENT_HEAD, numbers + SENT_HEAD + sent * SENT_STRIDE,
              (count - sent) * SENT_STRIDE * sizeof *numbers);
      numbers[0] = count - sent;
      if (numbers[0] == 0) numbers[1] = 0;
      call(s, s->failed, error, address, port);
      count = numbers[0];
      sent = 0;
    }
  }
  if (sent == count) {
    numbers[0] = numbers[1] = 0;
    watch(s, UV_READABLE);
  } else {
    memmove(numbers + SENT_HEAD, numbers + SENT_HEAD + sent * SENT_STRIDE,
            (count - sent) * SENT_STRIDE * sizeof *numbers);
    numbers[0] = count - sent;
    watch(s, UV_READABLE | UV_WRITABLE);
  }
}

static void receive(Socket *s) {
  for (int turn = 0; turn < TURNS && !s->closed; turn++) {
    for (int i = 0; i < BATCH; i++) {
      s->parts[i] = (struct iovec){.iov_base = s->in + (size_t)i * SLOT, .iov_len = SLOT};
      s->messages[i].msg_hdr = (struct msghdr){
          .msg_name = &s->peers[i], .msg_namelen = sizeof s->peers[i], .msg_iov = &s->parts[i], .msg_iovlen = 1};
    }
    int count = recvmmsg(s->fd, s->messages, BATCH, MSG_DONTWAIT, NULL);
    if (count < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN && errno != EWOULDBLOCK) call(s, s->failed, (uint32_t)errno, 0, 0);
      return;
    }
    for (int i = 0; i < count; i++) {
      uint32_t *one = s->in_numbers + i * RECEIVED_STRIDE;
      one[0] = s->messages[i].msg_len;
      one[1] = ntohl(s->peers[i].sin_addr.s_addr);
      one[2] = ntohs(s->peers[i].sin_port);
    }
    call(s, s->received, (uint32_t)count, 0, 0);
    if (!s->closed && s->out_numbers[0] > 0) flush(s);
    /* What came meanwhile is taken at once: asking the kernel again costs less than a turn of the event loop. */
  }
}

static void on_poll(uv_handle_t *handle, int status, int events) {
  Socket *s = uv_handle_get_data(handle);
  if (s->closed) return;
  if (events & UV_WRITABLE) flush(s);
  /* An error of the socket is read, and thereby cleared, by the next call. */
  if (status < 0 || events & UV_READABLE) receive(s);
}

static void on_prepare(uv_handle_t *handle) {
  Socket *s = uv_handle_get_data(handle);
  if (!s->closed && s->out_numbers[0] > 0) flush(s);
}

static void release(Socket *s) {
  for (int i = 0; i < 4; i++) napi_delete_reference(s->env, s->keep[i]);
  napi_delete_reference(s->env, s->self);
  napi_delete_reference(s->env, s->received);
  napi_delete_reference(s->env, s->failed);
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

/* open(address, port, buffer, in, inNumbers, out, outNumbers, received(count), failed(errno, address, port)) */
static napi_value js_open(napi_env env, napi_callback_info info) {
  size_t count = 9;
  napi_value arguments[9];
  uint32_t address = 0, port = 0, buffer = 0;
  napi_get_cb_info(env, info, &count, arguments, NULL, NULL);
  if (count != 9 || napi_get_value_uint32(env, arguments[0], &address) != napi_ok ||
      napi_get_value_uint32(env, arguments[1], &port) != napi_ok ||
      napi_get_value_uint32(env, arguments[2], &buffer) != napi_ok) {
    napi_throw_type_error(env, NULL, "open takes address, port, buffer, four Buffers and two functions");
    return NULL;
  }
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return refused(env, errno);
  int on = 1, size = (int)buffer;
  struct sockaddr_in at = {
      .sin_family = AF_INET, .sin_addr.s_addr = htonl(address), .sin_port = htons((uint16_t)port)};
  if (setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0 || bind(fd, (void *)&at, sizeof at) != 0) {
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
  s->in = memory(env, arguments[3], &s->keep[0], (size_t)BATCH * SLOT);
  s->in_numbers = memory(env, arguments[4], &s->keep[1], BATCH * RECEIVED_STRIDE * sizeof(uint32_t));
  s->out = memory(env, arguments[5], &s->keep[2], SLOT);
  s->out_numbers = memory(env, arguments[6], &s->keep[3], (SENT_HEAD + QUEUE * SENT_STRIDE) * sizeof(uint32_t));
  s->poll = calloc(1, uv_handle_size(UV_POLL));
  s->prepare = calloc(1, uv_handle_size(UV_PREPARE));
  if (s->in == NULL || s->in_numbers == NULL || s->out == NULL || s->out_numbers == NULL ||
      uv_poll_init(loop, s->poll, fd) != 0) {
    close(fd);
    napi_throw_range_error(env, NULL, "open takes Buffers that are large enough");
    return NULL;
  }
  uv_prepare_init(loop, s->prepare);
  uv_handle_set_data(s->poll, s);
  uv_handle_set_data(s->prepare, s);
  s->open_handles = 2;

  napi_value self, name;
  napi_create_object(env, &self);
  napi_create_string_utf8(env, "UDP", NAPI_AUTO_LENGTH, &name);
  napi_async_init(env, self, name, &s->context);
  napi_create_reference(env, self, 1, &s->self);
  napi_create_reference(env, arguments[7], 1, &s->received);
  napi_create_reference(env, arguments[8], 1, &s->failed);
  method(env, self, "flush", js_flush, s);
  method(env, self, "close", js_close, s);
  napi_add_env_cleanup_hook(env, at_exit, s);
  uv_unref(s->prepare);
  uv_prepare_start(s->prepare, on_prepare);
  watch(s, UV_READABLE);
  return self;
}

NAPI_MODULE_INIT() {
  if (strcmp(uv_handle_type_name(UV_POLL), "poll") != 0 || strcmp(uv_handle_type_name(UV_PREPARE), "prepare") != 0) {
    napi_throw_error(env, NULL, "this Node.js numbers libuv's handles in another way");
    return NULL;
  }
  napi_value open;
  napi_create_function(env, "open", NAPI_AUTO_LENGTH, js_open, NULL, &open);
  napi_set_named_property(env, exports, "open", open);
  return exports;
}
