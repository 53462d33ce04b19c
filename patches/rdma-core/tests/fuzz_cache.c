/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * Gives swift_cache_parse() broken files, under the address and undefined behaviour sanitizers.
 * fuzz_cache ROUNDS SEED. Half of the mutants get a right checksum, so that they pass the first
 * gate and the rest of the parser is reached. What is accepted must be safe to use.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "swift_cache.h"

static uint64_t state;

/* xorshift: the same mutants for the same seed, on any machine */
static uint64_t next_random(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static void fail(const char *what)
{
	fprintf(stderr, "%s\n", what);
	exit(1);
}

static void seal(struct swift_cache *cache, size_t size)
{
	cache->header.checksum = swift_cache_checksum(cache, size);
}

static size_t make_good(struct swift_cache *cache, uint32_t num_devices)
{
	size_t size = swift_cache_size(num_devices);
	uint32_t i;

	memset(cache, 0, sizeof(*cache));
	memcpy(cache->header.magic, SWIFT_CACHE_MAGIC, sizeof(cache->header.magic));
	cache->header.byte_order = SWIFT_CACHE_BYTE_ORDER;
	cache->header.uverbs_abi = SWIFT_CACHE_UVERBS_ABI;
	cache->header.num_devices = num_devices;
	memset(cache->header.boot_id, 'b', 36);
	for (i = 0; i != num_devices; i++) {
		struct swift_cache_device *device = &cache->devices[i];

		device->class_inode = i + 1;
		device->num_ports = 1;
		snprintf(device->sysfs_name, SWIFT_CACHE_NAME_LEN, "uverbs%u", i);
		snprintf(device->ibdev_name, SWIFT_CACHE_NAME_LEN, "rxe%u", i);
	}
	seal(cache, size);
	return size;
}

static void mutate(struct swift_cache *cache, size_t *size)
{
	unsigned char *bytes = (unsigned char *)cache;
	int changes = 1 + next_random() % 4;

	while (changes--)
		switch (next_random() % 5) {
		case 0:
			bytes[next_random() % *size] ^= 1 << next_random() % 8;
			break;
		case 1:
			bytes[next_random() % *size] = next_random();
			break;
		case 2:
			memset(bytes + next_random() % *size, 'x', 1);
			break;
		case 3:
			cache->header.num_devices = next_random() % 40;
			break;
		case 4:
			*size = 1 + next_random() % sizeof(*cache);
			break;
		}
}

/* The promises that the code behind the parser builds on */
static void check_accepted(const struct swift_cache *cache, size_t size)
{
	uint32_t i;

	if (!cache->header.num_devices || cache->header.num_devices > SWIFT_CACHE_MAX_DEVICES ||
	    size != swift_cache_size(cache->header.num_devices))
		fail("accepted: number of devices");
	for (i = 0; i != cache->header.num_devices; i++) {
		const struct swift_cache_device *device = &cache->devices[i];

		if (strnlen(device->sysfs_name, SWIFT_CACHE_NAME_LEN) == SWIFT_CACHE_NAME_LEN ||
		    strnlen(device->ibdev_name, SWIFT_CACHE_NAME_LEN) == SWIFT_CACHE_NAME_LEN)
			fail("accepted: a name without an end");
		if (strchr(device->sysfs_name, '/') || strchr(device->ibdev_name, '/') ||
		    device->ibdev_name[0] == '.' || !device->ibdev_name[0] ||
		    strncmp(device->sysfs_name, "uverbs", 6))
			fail("accepted: a name that leads elsewhere");
	}
}

/* A buffer of the very size, so that the sanitizer sees one byte too far */
static const char *parse_exact(const struct swift_cache *cache, size_t size)
{
	struct swift_cache *copy = malloc(size);
	const char *why;

	memcpy(copy, cache, size);
	why = swift_cache_parse(copy, size);
	if (!why)
		check_accepted(copy, size);
	free(copy);
	return why;
}

int main(int argc, char *argv[])
{
	unsigned long accepted = 0, refused = 0, rounds, round;
	struct swift_cache cache;
	size_t size;

	if (argc != 3)
		fail("usage: fuzz_cache ROUNDS SEED");
	rounds = strtoul(argv[1], NULL, 0);
	state = strtoul(argv[2], NULL, 0) | 1;

	for (round = 1; round <= SWIFT_CACHE_MAX_DEVICES; round++)
		if (parse_exact(&cache, make_good(&cache, round)))
			fail("refused: a good file");
	for (round = 0; round != rounds; round++) {
		size = make_good(&cache, 1 + next_random() % SWIFT_CACHE_MAX_DEVICES);
		mutate(&cache, &size);
		if (next_random() % 2)
			seal(&cache, size);
		if (parse_exact(&cache, size))
			refused++;
		else
			accepted++;
	}
	printf("accepted %lu refused %lu\n", accepted, refused);
	return 0;
}
