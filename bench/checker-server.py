"""
What the checker's benchmark checks: connections are taken, HTTP is answered and closed. In Python, since Node.js cannot
set TCP_DEFER_ACCEPT: with it the kernel answers a SYN and gives up at the RST by itself, and wakes a process only for
data. So checks that only connect cost no process but the checker anything. It ends with its standard input.
"""

import os
import signal
import socket
import sys

PROCESSES = 4
ANSWER = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"


def serve(listener):
    while True:
        connection, _ = listener.accept()
        try:
            connection.recv(65536)
            connection.send(ANSWER)
        except OSError:
            pass  # The checker has gone already.
        connection.close()


listener = socket.socket()
listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 10)
listener.bind(("", 0))
listener.listen(4096)
children = []
for _ in range(PROCESSES):
    child = os.fork()
    if child == 0:
        serve(listener)
    children.append(child)
print(listener.getsockname()[1], flush=True)
sys.stdin.read()
for child in children:
    os.kill(child, signal.SIGKILL)
