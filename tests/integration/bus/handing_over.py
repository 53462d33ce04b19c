"""A process for test_killed: hands messages over with a journal, and notes each in a file.

    handing_over.py HOSTS TOPIC DIRECTORY

It is ended by SIGKILL only. A note is one append of one line, which the kernel takes whole.
"""

from __future__ import annotations

import asyncio
import os
import sys

from invoker_plugin.bus.confluent import ConfluentBus
from invoker_plugin.bus.feed import MessageFeed
from invoker_plugin.bus.interface import Message
from invoker_plugin.bus.journal import Journal
from invoker_plugin.config.kafka import KafkaSettings

CAPACITY = 2


async def main(hosts: str, topic: str, directory: str) -> None:
    """Hand over until killed."""
    notes = os.open(f"{directory}/notes", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    journal = Journal.of(directory, topic, (hosts,))
    assert journal is not None
    bus = ConfluentBus(KafkaSettings(hosts=(hosts,)), 1_054_644)

    async def handle(message: Message) -> None:
        os.write(notes, message.value + b"\n")
        await asyncio.sleep(0.001)
        feed.processed()

    consumer = bus.consumer(topic, topic, CAPACITY)
    feed = MessageFeed(consumer, handle, CAPACITY, CAPACITY, journal)
    await feed.run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
