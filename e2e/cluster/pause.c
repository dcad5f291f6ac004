/* The process that holds a pod's namespaces open: it does nothing but reap what it inherits, and ends when told to. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void end(int signal) {
  _exit(0);
}

static void reap(int signal) {
  while (waitpid(-1, 0, WNOHANG) > 0) {
  }
}

int main(void) {
  struct sigaction child = {.sa_handler = reap, .sa_flags = SA_NOCLDSTOP};
  sigaction(SIGCHLD, &child, 0);
  signal(SIGINT, end);
  signal(SIGTERM, end);
  for (;;) {
    pause();
  }
}
