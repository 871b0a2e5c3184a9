#!/bin/sh
exec python3 /page.py
