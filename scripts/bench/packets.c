/* UDP packets as tine sends and counts them, in the plainest loop: one thread of a process sends as fast as it can, one of
 * another process receives. The same calls (sendmmsg and recvmmsg of batches, times of arrival from the kernel), the same
 * buffers, headers, random payload and counts.
 * usage: packets BYTES SECONDS; prints packets sent, packets received, and seconds of CPU time of both processes. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 64, ROOM = 2048, CONTROL = 192, BUFFER = 4 << 20, WINDOW = 65536, PAUSE_NANOS = 50000 };
enum { HEADER = 56, NUMBER = 8, TIME = 16, FLOW = 40, MAGIC = 0x74696e65 };
/* Random bytes, and how many of them are made anew in a second, as src/flow/payload.ts has them. */
enum { VARIETY = 1 << 20, RENEWED = 16 << 20, MAX_PLACES = 64 };

/* What the receiver counts: both processes see it. */
struct counts {
  volatile int stop;
  long received, refused, dropped;
  double sum, least, most, jitter, last;
};

static void must(int done, const char *what) {
  if (done) return;
  perror(what);
  exit(1);
}

static int64_t now(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void put32(uint8_t *to, uint32_t value) {
  value = htobe32(value);
  memcpy(to, &value, 4);
}

static void put64(uint8_t *to, uint64_t value) {
  value = htobe64(value);
  memcpy(to, &value, 8);
}

static uint64_t get64(const uint8_t *from) {
  uint64_t value;
  memcpy(&value, from, 8);
  return be64toh(value);
}

static int open_socket(void) {
  const int on = 1, buffer = BUFFER, whole = IP_PMTUDISC_DO;
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  must(fd >= 0, "socket");
  must(!setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on), "SO_TIMESTAMPNS");
  must(!setsockopt(fd, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof on), "SO_RXQ_OVFL");
  must(!setsockopt(fd, IPPROTO_IP, IP_RECVTOS, &on, sizeof on), "IP_RECVTOS");
  must(!setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer), "SO_RCVBUF");
  must(!setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &whole, sizeof whole), "IP_MTU_DISCOVER");
  return fd;
}

static void write_header(uint8_t *to, int length, uint64_t number, uint64_t time) {
  memset(to, 0, HEADER);
  put32(to, MAGIC);
  put32(to + 4, length);
  put64(to + NUMBER, number);
  put64(to + TIME, time);
  memcpy(to + FLOW, "flow", 4);
}

/* Fills memory, whose length is a multiple of 8, with what no compressor finds anything in (xorshift64). */
static void fill_random(uint8_t *to, size_t length) {
  static uint64_t state = 0x9e3779b97f4a7c15;
  for (size_t at = 0; at < length; at += 8) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    memcpy(to + at, &state, 8);
  }
}

/* Sends until `end`, and returns how many packets. */
static long send_all(int fd, int length, int64_t end) {
  const size_t stride = (length + 63) / 64 * 64;
  int places = (VARIETY + BATCH * length - 1) / (BATCH * length);
  if (places > MAX_PLACES) places = MAX_PLACES;
  const size_t size = stride * BATCH * places;
  uint8_t *payloads = aligned_alloc(64, size);
  fill_random(payloads, size);
  struct mmsghdr messages[BATCH];
  struct iovec pieces[BATCH];
  memset(messages, 0, sizeof messages);
  for (int i = 0; i < BATCH; i++) messages[i].msg_hdr = (struct msghdr){.msg_iov = &pieces[i], .msg_iovlen = 1};
  long sent = 0;
  double allowed = 0;
  int64_t last = now(CLOCK_MONOTONIC);
  for (int place = 0;; place = (place + 1) % places) {
    const int64_t t = now(CLOCK_MONOTONIC);
    if (t >= end) break;
    uint8_t *base = payloads + stride * BATCH * place;
    const uint64_t time = now(CLOCK_REALTIME);
    for (int i = 0; i < BATCH; i++) {
      pieces[i] = (struct iovec){.iov_base = base + stride * i, .iov_len = length};
      write_header(pieces[i].iov_base, length, sent + i, time);
    }
    for (int from = 0; from < BATCH;) {
      const int done = sendmmsg(fd, messages + from, BATCH - from, MSG_NOSIGNAL);
      if (done > 0) from += done;
      else if (errno == EAGAIN) poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, -1);
      else must(errno == EINTR || errno == ECONNREFUSED, "sendmmsg");
    }
    sent += BATCH;
    /* What was sent is made anew, as far as that does not cost much. */
    allowed += (t - last) * (RENEWED / 1e9);
    last = t;
    if (allowed > VARIETY) allowed = VARIETY;
    if (allowed >= stride * BATCH) {
      fill_random(base, stride * BATCH);
      allowed -= stride * BATCH;
    } else {
      allowed -= length * BATCH / 8.0;
    }
  }
  free(payloads);
  return sent;
}

struct receiver {
  uint8_t payloads[BATCH][ROOM], controls[BATCH][CONTROL], seen[WINDOW / 8];
  struct sockaddr_in6 names[BATCH];
  struct mmsghdr messages[BATCH];
  struct iovec pieces[BATCH];
  uint64_t next;
};

static void count(struct receiver *r, struct counts *counts, int i, const struct sockaddr_in *client) {
  const struct msghdr *message = &r->messages[i].msg_hdr;
  const uint8_t *packet = r->payloads[i];
  int64_t arrival = 0;
  for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR((struct msghdr *)message, c)) {
    if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
      struct timespec t;
      memcpy(&t, CMSG_DATA(c), sizeof t);
      arrival = t.tv_sec * 1000000000LL + t.tv_nsec;
    } else if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL) {
      uint32_t dropped;
      memcpy(&dropped, CMSG_DATA(c), 4);
      counts->dropped = dropped;
    }
  }
  const struct sockaddr_in *from = message->msg_name;
  const uint32_t length = r->messages[i].msg_len;
  if (length < HEADER || ntohl(*(uint32_t *)packet) != MAGIC || ntohs(*(uint16_t *)(packet + 6)) != length ||
      memcmp(packet + FLOW, "flow\0\0\0\0\0\0\0\0\0\0\0", 16) || from->sin_port != client->sin_port ||
      from->sin_addr.s_addr != client->sin_addr.s_addr) {
    counts->refused++;
    return;
  }
  const uint64_t number = get64(packet + NUMBER);
  for (; r->next <= number; r->next++) r->seen[r->next % WINDOW / 8] &= ~(1 << r->next % 8);
  uint8_t *bits = &r->seen[number % WINDOW / 8];
  if (number + WINDOW < r->next || (*bits & 1 << number % 8)) {
    counts->refused++;
    return;
  }
  *bits |= 1 << number % 8;
  const double delay = arrival - (int64_t)get64(packet + TIME);
  const double difference = delay > counts->last ? delay - counts->last : counts->last - delay;
  counts->jitter += (difference - counts->jitter) / 16;
  counts->last = delay;
  counts->sum += delay;
  if (delay < counts->least) counts->least = delay;
  if (delay > counts->most) counts->most = delay;
  counts->received++;
}

static void receive_all(int fd, struct counts *counts, const struct sockaddr_in *client) {
  static struct receiver r;
  for (int i = 0; i < BATCH; i++) {
    r.pieces[i] = (struct iovec){.iov_base = r.payloads[i], .iov_len = ROOM};
    r.messages[i].msg_hdr = (struct msghdr){
        .msg_name = &r.names[i], .msg_iov = &r.pieces[i], .msg_iovlen = 1, .msg_control = r.controls[i]};
  }
  prctl(PR_SET_TIMERSLACK, 1);
  while (!counts->stop) {
    for (int i = 0; i < BATCH; i++) {
      r.messages[i].msg_hdr.msg_namelen = sizeof r.names[i];
      r.messages[i].msg_hdr.msg_controllen = CONTROL;
    }
    const int received = recvmmsg(fd, r.messages, BATCH, 0, NULL);
    for (int i = 0; i < received; i++) count(&r, counts, i, client);
    if (received == BATCH) continue;
    /* Waking for each packet would cost both ends more than the packet. */
    if (received > 2) nanosleep(&(struct timespec){.tv_nsec = PAUSE_NANOS}, NULL);
    else poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 100);
  }
}

static double cpu_seconds(int who) {
  struct rusage u;
  getrusage(who, &u);
  return u.ru_utime.tv_sec + u.ru_stime.tv_sec + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

int main(int argc, char **argv) {
  const int length = argc > 2 ? atoi(argv[1]) : 0;
  const double seconds = argc > 2 ? atof(argv[2]) : 0;
  if (length < HEADER || length > ROOM || seconds <= 0) return 2;
  struct counts *counts = mmap(NULL, sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  must(counts != MAP_FAILED, "mmap");
  counts->least = 1e18;
  const int at_server = open_socket(), at_client = open_socket();
  struct sockaddr_in server = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}, client;
  socklen_t size = sizeof server;
  must(!bind(at_server, (struct sockaddr *)&server, size), "bind");
  must(!getsockname(at_server, (struct sockaddr *)&server, &size), "getsockname");
  must(!connect(at_client, (struct sockaddr *)&server, size), "connect");
  must(!getsockname(at_client, (struct sockaddr *)&client, &size), "getsockname");
  const pid_t child = fork();
  if (child == 0) {
    receive_all(at_server, counts, &client);
    return 0;
  }
  const long sent = send_all(at_client, length, now(CLOCK_MONOTONIC) + seconds * 1e9);
  usleep(100000); /* What waits in the socket is received as well. */
  counts->stop = 1;
  waitpid(child, NULL, 0);
  if (counts->refused > 0) {
    fprintf(stderr, "%ld packets were refused\n", counts->refused);
    return 1;
  }
  printf("%ld %ld %.3f\n", sent, counts->received, cpu_seconds(RUSAGE_SELF) + cpu_seconds(RUSAGE_CHILDREN));
  return 0;
}
