import os

bind = os.environ['BIND']
workers = 2
worker_class = 'gthread'
threads = 16
keepalive = 60
