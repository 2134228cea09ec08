"""The gunicorn worker class: gunicorn's threaded one, with an end that breaks no request."""

from __future__ import annotations

from gunicorn.workers.gthread import ThreadWorker


class DrainingWorker(ThreadWorker):  # type: ignore[misc] # gunicorn has no types
    """Closes its listening sockets as soon as it is told to stop, after taking the connections that wait there.

    gunicorn's own leaves them open until the last request in flight is answered, and accepts nobody. The kernel goes on
    making connections for them, which send their requests and are reset at the end. Closed, they refuse a connection at
    once, and the client or the load balancer tries the next process.
    """

    def set_accept_enabled(self, enabled: bool) -> None:
        """Begin or end to accept; the end of accepting after a request to stop is for good."""
        super().set_accept_enabled(enabled)
        if enabled or self.alive:
            return
        for listener in self.sockets:
            waiting = -1
            while waiting != self.nr_conns:  # it takes one, if there is one
                waiting = self.nr_conns
                self.accept(listener)
            listener.close()
