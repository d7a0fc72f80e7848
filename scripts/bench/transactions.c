/* Requests and responses of one byte in the plainest loop: a client and a server with blocking sockets, a process each.
 * usage: transactions rr|crr|udp SECONDS; prints transactions a second. */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MESSAGE 64

static char message[MESSAGE];

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static void must(int done, const char *what) {
  if (done) return;
  perror(what);
  exit(1);
}

static void without_delay(int fd) {
  int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static int exchange(int fd) {
  return send(fd, message, MESSAGE, 0) == MESSAGE && recv(fd, message, MESSAGE, MSG_WAITALL) == MESSAGE;
}

static void answer(int fd) {
  while (recv(fd, message, MESSAGE, MSG_WAITALL) == MESSAGE) send(fd, message, MESSAGE, 0);
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  const int udp = !strcmp(argv[1], "udp"), each = !strcmp(argv[1], "crr");
  const int type = udp ? SOCK_DGRAM : SOCK_STREAM;
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof at;
  int listener = socket(AF_INET, type, 0);
  must(bind(listener, (struct sockaddr *)&at, length) == 0, "bind");
  must(getsockname(listener, (struct sockaddr *)&at, &length) == 0, "getsockname");
  must(udp || listen(listener, 128) == 0, "listen");
  pid_t server = fork();
  if (server == 0) {
    if (udp) {
      struct sockaddr_in from;
      socklen_t size = sizeof from;
      while (recvfrom(listener, message, MESSAGE, 0, (struct sockaddr *)&from, &size) == MESSAGE)
        sendto(listener, message, MESSAGE, 0, (struct sockaddr *)&from, size);
    } else {
      for (int fd; (fd = accept(listener, NULL, NULL)) >= 0; close(fd)) {
        without_delay(fd);
        answer(fd);
      }
    }
    return 0;
  }
  long transactions = 0;
  const double begin = now(), end = begin + atof(argv[2]);
  int fd = -1;
  while (now() < end) {
    if (fd < 0) {
      must((fd = socket(AF_INET, type, 0)) >= 0, "socket");
      if (!udp) without_delay(fd);
      must(connect(fd, (struct sockaddr *)&at, length) == 0, "connect");
    }
    must(exchange(fd), "exchange");
    transactions++;
    if (each) {
      close(fd);
      fd = -1;
    }
  }
  printf("%.0f\n", transactions / (now() - begin));
  kill(server, SIGKILL);
  waitpid(server, NULL, 0);
  return 0;
}
