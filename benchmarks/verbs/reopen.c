/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * A function that sets everything up, writes once to itself, and closes everything, several times
 * in one process: what the second and later times cost. It leaves work behind that nobody polled,
 * and fails if a later time sees any of it. reopen DEVICE GID_INDEX TIMES
 */
#include <string.h>
#include <sys/mman.h>

#include <infiniband/verbs.h>

#include "stages.h"

#define LEFT_BEHIND 3
#define MESSAGE_BYTES 64
#define MAX_TIMES 1000
#define ACCESS (IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_READ)

struct endpoint {
	struct ibv_context *context;
	struct ibv_pd *pd;
	struct ibv_mr *mr;
	struct ibv_cq *cq;
	struct ibv_qp *qp;
	char *buffer;
};

static void open_device(struct endpoint *end, const char *name)
{
	struct ibv_device **list = ibv_get_device_list(NULL);
	int i;

	check(!list, "ibv_get_device_list");
	for (i = 0; list[i] && !end->context; i++)
		if (!strcmp(ibv_get_device_name(list[i]), name))
			end->context = ibv_open_device(list[i]);
	check(!end->context, name);
	ibv_free_device_list(list);
}

static void create(struct endpoint *end)
{
	struct ibv_qp_init_attr attr = {
		.qp_type = IBV_QPT_RC,
		.cap = { .max_send_wr = QUEUE_DEPTH, .max_recv_wr = QUEUE_DEPTH,
			 .max_send_sge = 1, .max_recv_sge = 1 },
	};

	end->pd = ibv_alloc_pd(end->context);
	check(!end->pd, "ibv_alloc_pd");
	end->mr = ibv_reg_mr(end->pd, end->buffer, SMALL_BUFFER_BYTES, ACCESS);
	check(!end->mr, "ibv_reg_mr");
	end->cq = ibv_create_cq(end->context, 2 * QUEUE_DEPTH, NULL, NULL, 0);
	check(!end->cq, "ibv_create_cq");
	attr.send_cq = attr.recv_cq = end->cq;
	end->qp = ibv_create_qp(end->pd, &attr);
	check(!end->qp, "ibv_create_qp");
	check(end->qp->state != IBV_QPS_RESET, "a new queue pair is not in RESET");
}

static void connect_to_itself(struct endpoint *end, int gid_index)
{
	struct ibv_qp_attr init = { .qp_state = IBV_QPS_INIT, .port_num = PORT_NUMBER,
				    .qp_access_flags = ACCESS };
	struct ibv_qp_attr receive = {
		.qp_state = IBV_QPS_RTR,
		.path_mtu = IBV_MTU_1024,
		.dest_qp_num = end->qp->qp_num,
		.max_dest_rd_atomic = 1,
		.min_rnr_timer = 12,
		.ah_attr = { .is_global = 1, .port_num = PORT_NUMBER,
			     .grh = { .sgid_index = gid_index, .hop_limit = 1 } },
	};
	struct ibv_qp_attr send = { .qp_state = IBV_QPS_RTS, .timeout = 14, .retry_cnt = 7,
				    .rnr_retry = 7, .max_rd_atomic = 1 };

	check(ibv_query_gid(end->context, PORT_NUMBER, gid_index, &receive.ah_attr.grh.dgid),
	      "ibv_query_gid");
	check(ibv_modify_qp(end->qp, &init, IBV_QP_STATE | IBV_QP_PKEY_INDEX | IBV_QP_PORT |
			    IBV_QP_ACCESS_FLAGS), "to INIT");
	check(ibv_modify_qp(end->qp, &receive, IBV_QP_STATE | IBV_QP_AV | IBV_QP_PATH_MTU |
			    IBV_QP_DEST_QPN | IBV_QP_RQ_PSN | IBV_QP_MAX_DEST_RD_ATOMIC |
			    IBV_QP_MIN_RNR_TIMER), "to RTR");
	check(ibv_modify_qp(end->qp, &send, IBV_QP_STATE | IBV_QP_TIMEOUT | IBV_QP_RETRY_CNT |
			    IBV_QP_RNR_RETRY | IBV_QP_SQ_PSN | IBV_QP_MAX_QP_RD_ATOMIC), "to RTS");
}

static void post_write(struct endpoint *end, uint64_t id)
{
	struct ibv_sge from = { .addr = (uintptr_t)end->buffer, .length = MESSAGE_BYTES,
				.lkey = end->mr->lkey };
	struct ibv_send_wr work = {
		.wr_id = id,
		.sg_list = &from,
		.num_sge = 1,
		.opcode = IBV_WR_RDMA_WRITE,
		.send_flags = IBV_SEND_SIGNALED,
		.wr.rdma = { .remote_addr = (uintptr_t)end->buffer + SMALL_BUFFER_BYTES / 2,
			     .rkey = end->mr->rkey },
	}, *bad;

	check(ibv_post_send(end->qp, &work, &bad), "ibv_post_send");
}

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
		create(&end);
		connect_to_itself(&end, atoi(argv[2]));
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
