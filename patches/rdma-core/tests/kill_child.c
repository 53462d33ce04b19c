/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * A forked child that is killed at any instruction of post and poll leaves its parent and its
 * siblings working, and its slot can be used again. kill_child DEVICE GID_INDEX TIMES
 * Run with RDMAV_SWIFT_FORK=1. The victim's slot is reset and connected again by the parent each
 * time; a sibling writes on a slot of its own all the while and checks what arrives.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "endpoint.h"

#define MAX_DELAY_US 3000
#define DEADLINE_US 5e6

enum { VICTIM, SIBLING, SLOTS };

static struct endpoint slots[SLOTS];
static volatile unsigned long *sibling_writes;

/* One write that is polled for and checked; false if it does not end */
static bool write_and_check(struct endpoint *slot, uint64_t id)
{
	double deadline_us = now_us() + DEADLINE_US;
	char *arrived = slot->buffer + SMALL_BUFFER_BYTES / 2;
	struct ibv_wc completion = {};
	int polled;

	snprintf(slot->buffer, MESSAGE_BYTES, "write %llu", (unsigned long long)id);
	post_write(slot, id);
	do
		polled = ibv_poll_cq(slot->cq, 1, &completion);
	while (!polled && now_us() < deadline_us);
	return polled == 1 && !completion.status && completion.wr_id == id &&
	       !strcmp(slot->buffer, arrived);
}

static void write_for_ever(struct endpoint *slot, bool count)
{
	uint64_t id;

	for (id = 0; write_and_check(slot, id); id++)
		if (count)
			(*sibling_writes)++;
	_exit(1);
}

static pid_t start_child(struct endpoint *slot, bool count)
{
	pid_t child = fork();

	check(child < 0, "fork");
	if (!child)
		write_for_ever(slot, count);
	return child;
}

static void reset_slot(struct endpoint *slot, int gid_index)
{
	struct ibv_qp_attr attr = { .qp_state = IBV_QPS_RESET };
	struct ibv_wc completion;

	check(ibv_modify_qp(slot->qp, &attr, IBV_QP_STATE), "to RESET");
	while (ibv_poll_cq(slot->cq, 1, &completion) == 1)
		;
	memset(slot->buffer, 0, SMALL_BUFFER_BYTES);
	connect_to(slot, slot->qp->qp_num, gid_index);
}

static void kill_and_reap(pid_t child)
{
	int status;

	check(kill(child, SIGKILL), "kill");
	check(waitpid(child, &status, 0) != child, "waitpid");
	errno = 0;
	check(!WIFSIGNALED(status), "the child had ended by itself: a write failed");
}

int main(int argc, char *argv[])
{
	int gid_index, times, time, slot;
	unsigned long writes_before;
	pid_t sibling;
	char *arena;

	check(argc != 4, "usage: kill_child DEVICE GID_INDEX TIMES");
	gid_index = atoi(argv[2]);
	times = atoi(argv[3]);
	arena = mmap(NULL, (SLOTS + 1) * SMALL_BUFFER_BYTES, PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	check(arena == MAP_FAILED, "mmap");
	sibling_writes = (unsigned long *)(arena + SLOTS * SMALL_BUFFER_BYTES);

	open_device(&slots[VICTIM], argv[1]);
	slots[SIBLING].context = slots[VICTIM].context;
	for (slot = 0; slot != SLOTS; slot++) {
		slots[slot].buffer = arena + slot * SMALL_BUFFER_BYTES;
		create_domain(&slots[slot]);
		create_queues(&slots[slot]);
		connect_to(&slots[slot], slots[slot].qp->qp_num, gid_index);
	}

	sibling = start_child(&slots[SIBLING], true);
	srandom(times);
	for (time = 0; time != times; time++) {
		pid_t victim = start_child(&slots[VICTIM], false);

		usleep(random() % MAX_DELAY_US);
		kill_and_reap(victim);
		reset_slot(&slots[VICTIM], gid_index);
		check(!write_and_check(&slots[VICTIM], time), "the slot is of no use any more");
	}
	writes_before = *sibling_writes;
	usleep(100000);
	check(*sibling_writes == writes_before, "the sibling stands still");
	kill_and_reap(sibling);
	printf("killed %d sibling_writes %lu\n", times, *sibling_writes);
	return 0;
}
