"""What runs code in threads, or in the greenlets of gevent and eventlet."""
