/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/* A queue pair and all it needs, for the programs that do more with one than to make it. */
#ifndef VERBS_BENCH_ENDPOINT_H
#define VERBS_BENCH_ENDPOINT_H

#include <stdint.h>
#include <string.h>

#include <infiniband/verbs.h>

#include "stages.h"

#define MESSAGE_BYTES 64
#define ACCESS (IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_READ)

struct endpoint {
	struct ibv_context *context;
	struct ibv_pd *pd;
	struct ibv_mr *mr;
	struct ibv_cq *cq;
	struct ibv_qp *qp;
	char *buffer;
};

static inline void open_device(struct endpoint *end, const char *name)
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

static inline void create_domain(struct endpoint *end)
{
	end->pd = ibv_alloc_pd(end->context);
	check(!end->pd, "ibv_alloc_pd");
	end->mr = ibv_reg_mr(end->pd, end->buffer, SMALL_BUFFER_BYTES, ACCESS);
	check(!end->mr, "ibv_reg_mr");
}

static inline void create_queues(struct endpoint *end)
{
	struct ibv_qp_init_attr attr = {
		.qp_type = IBV_QPT_RC,
		.cap = { .max_send_wr = QUEUE_DEPTH, .max_recv_wr = QUEUE_DEPTH,
			 .max_send_sge = 1, .max_recv_sge = 1 },
	};

	end->cq = ibv_create_cq(end->context, 2 * QUEUE_DEPTH, NULL, NULL, 0);
	check(!end->cq, "ibv_create_cq");
	attr.send_cq = attr.recv_cq = end->cq;
	end->qp = ibv_create_qp(end->pd, &attr);
	check(!end->qp, "ibv_create_qp");
	check(end->qp->state != IBV_QPS_RESET, "a new queue pair is not in RESET");
}

/* From RESET to RTS; the peer is on the same port */
static inline void connect_to(struct endpoint *end, uint32_t peer, int gid_index)
{
	struct ibv_qp_attr init = { .qp_state = IBV_QPS_INIT, .port_num = PORT_NUMBER,
				    .qp_access_flags = ACCESS };
	struct ibv_qp_attr receive = {
		.qp_state = IBV_QPS_RTR,
		.path_mtu = IBV_MTU_1024,
		.dest_qp_num = peer,
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

static inline void post_write(struct endpoint *end, uint64_t id)
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

#endif
