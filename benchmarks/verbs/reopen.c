/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * A function that sets everything up, writes once to itself, and closes everything, several times
 * in one process: what the second and later times cost. It leaves work behind that nobody polled,
 * and fails if a later time sees any of it. reopen DEVICE GID_INDEX TIMES
 */
#include <string.h>
#include <sys/mman.h>

#include "endpoint.h"

#define LEFT_BEHIND 3
#define MAX_TIMES 1000

static void write_once(struct endpoint *end, int time)
{
	struct ibv_wc completion = {};
	int polled;

	snprintf(end->buffer, MESSAGE_BYTES, "time %d", time);
	check(ibv_poll_cq(end->cq, 1, &completion) != 0, "a new completion queue is not empty");
	post_write(end, time);
	do
		polled = ibv_poll_cq(end->cq, 1, &completion);
	while (!polled);
	check(polled < 0 || completion.status || completion.wr_id != (uint64_t)time ||
	      completion.qp_num != end->qp->qp_num, "completion is not ours");
	check(strcmp(end->buffer, end->buffer + SMALL_BUFFER_BYTES / 2), "data is not ours");
}

static void leave_work_behind(struct endpoint *end)
{
	struct ibv_sge to = { .addr = (uintptr_t)end->buffer, .length = MESSAGE_BYTES,
			      .lkey = end->mr->lkey };
	struct ibv_recv_wr receive = { .sg_list = &to, .num_sge = 1 }, *bad;
	int i;

	for (i = 0; i != LEFT_BEHIND; i++) {
		post_write(end, MAX_TIMES + i);
		check(ibv_post_recv(end->qp, &receive, &bad), "ibv_post_recv");
	}
}

static void close_all(struct endpoint *end)
{
	check(ibv_destroy_qp(end->qp), "ibv_destroy_qp");
	check(ibv_destroy_cq(end->cq), "ibv_destroy_cq");
	check(ibv_dereg_mr(end->mr), "ibv_dereg_mr");
	check(ibv_dealloc_pd(end->pd), "ibv_dealloc_pd");
	check(ibv_close_device(end->context), "ibv_close_device");
}

static int ascending(const void *a, const void *b)
{
	double difference = *(const double *)a - *(const double *)b;

	return difference < 0 ? -1 : difference > 0;
}

int main(int argc, char *argv[])
{
	double took_us[MAX_TIMES], start_us;
	char *buffer;
	int times, time;

	check(argc != 4, "usage: reopen DEVICE GID_INDEX TIMES");
	times = atoi(argv[3]);
	check(times < 2 || times > MAX_TIMES, "TIMES is out of range");
	buffer = mmap(NULL, SMALL_BUFFER_BYTES, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	check(buffer == MAP_FAILED, "mmap");

	for (time = 0; time != times; time++) {
		struct endpoint end = { .buffer = buffer };

		start_us = now_us();
		open_device(&end, argv[1]);
		create_domain(&end);
		create_queues(&end);
		connect_to(&end, end.qp->qp_num, atoi(argv[2]));
		write_once(&end, time);
		took_us[time] = now_us() - start_us;
		leave_work_behind(&end);
		start_us = now_us();
		close_all(&end);
		took_us[time] += now_us() - start_us;
	}
	printf("first %.1f", took_us[0]);
	qsort(took_us + 1, times - 1, sizeof(*took_us), ascending);
	printf(" later %.1f\n", took_us[1 + (times - 1) / 2]);
	return 0;
}
