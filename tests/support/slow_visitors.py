"""Connections that send a byte now and then, half of them in the middle of an upload; who is sent away comes again.

python slow_visitors.py HOST:PORT COUNT
"""

import asyncio
import sys


async def dawdle(host: str, port: int, upload: bool) -> None:
    head = f"POST /gradio_api/upload HTTP/1.1\r\nHost: {host}:{port}\r\n"
    if upload:
        head += "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 1000000\r\n\r\n"
    while True:
        try:
            _, writer = await asyncio.open_connection(host, port)
            writer.write(head.encode())
            while True:
                writer.write(b"-")
                await writer.drain()
                await asyncio.sleep(0.5)
        except OSError:
            await asyncio.sleep(0.5)


async def dawdle_all(host: str, port: int, count: int) -> None:
    await asyncio.gather(*(dawdle(host, port, number % 2 == 0) for number in range(count)))


if __name__ == "__main__":
    name, _, number = sys.argv[1].partition(":")
    asyncio.run(dawdle_all(name, int(number), int(sys.argv[2])))
