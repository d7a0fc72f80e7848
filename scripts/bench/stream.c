/* One TCP flow in the plainest loop, as tine has it: a process writes 128 KiB of random bytes at a time, another one has the
 * kernel drop what arrives instead of copying it (MSG_TRUNC).
 * usage: stream server HOST; prints its port, and serves one connection after another until it is stopped.
 *        stream client HOST PORT SECONDS; prints the bytes that arrived, and the seconds until the last one had. */
#include <arpa/inet.h>
#include <endian.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { VARIETY = 1 << 20, WRITE = 128 << 10, READ = 1 << 20 };

static void must(int done, const char *what) {
  if (done) return;
  perror(what);
  exit(1);
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static void serve(struct sockaddr_in at) {
  socklen_t size = sizeof at;
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  must(listener >= 0, "socket");
  must(!bind(listener, (struct sockaddr *)&at, size), "bind");
  must(!listen(listener, 1), "listen");
  must(!getsockname(listener, (struct sockaddr *)&at, &size), "getsockname");
  printf("listening on %d\n", ntohs(at.sin_port));
  fflush(stdout);
  for (;;) {
    const int fd = accept(listener, NULL, NULL);
    must(fd >= 0, "accept");
    uint64_t bytes = 0;
    for (ssize_t count; (count = recv(fd, NULL, READ, MSG_TRUNC)) > 0;) bytes += count;
    bytes = htobe64(bytes);
    must(send(fd, &bytes, sizeof bytes, MSG_NOSIGNAL) == sizeof bytes, "send");
    close(fd);
  }
}

static void send_for(struct sockaddr_in at, double seconds) {
  static uint64_t random[VARIETY / 8];
  uint64_t state = 0x9e3779b97f4a7c15;
  for (size_t i = 0; i < VARIETY / 8; i++) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    random[i] = state;
  }
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  must(fd >= 0, "socket");
  must(!connect(fd, (struct sockaddr *)&at, sizeof at), "connect");
  const double begin = now();
  for (size_t from = 0; now() < begin + seconds; from = (from + WRITE) % VARIETY) {
    const ssize_t count = send(fd, (char *)random + from, WRITE, MSG_NOSIGNAL);
    must(count > 0, "send");
  }
  shutdown(fd, SHUT_WR);
  uint64_t bytes;
  must(recv(fd, &bytes, sizeof bytes, MSG_WAITALL) == sizeof bytes, "recv");
  printf("%llu %.6f\n", (unsigned long long)be64toh(bytes), now() - begin);
}

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  struct sockaddr_in at = {.sin_family = AF_INET};
  if (!inet_pton(AF_INET, argv[2], &at.sin_addr)) return 2;
  if (argc == 3 && !strcmp(argv[1], "server")) {
    serve(at);
  } else if (argc == 5 && !strcmp(argv[1], "client")) {
    at.sin_port = htons(atoi(argv[3]));
    send_for(at, atof(argv[4]));
  } else {
    return 2;
  }
  return 0;
}
