/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * What an ordinary verbs program does before its first operation: from nothing to a queue pair
 * that is ready to send (to itself). control_plane DEVICE GID_INDEX
 */
#include <string.h>
#include <sys/mman.h>

#include <infiniband/verbs.h>

#include "stages.h"

static struct ibv_device *find_device(const char *name)
{
	struct ibv_device **list = ibv_get_device_list(NULL);
	int i;

	check(!list, "ibv_get_device_list");
	for (i = 0; list[i]; i++)
		if (!strcmp(ibv_get_device_name(list[i]), name))
			return list[i];
	fprintf(stderr, "no device %s\n", name);
	exit(1);
}

static void *touched_buffer(size_t bytes)
{
	void *buffer = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	check(buffer == MAP_FAILED, "mmap");
	return buffer;
}

static void register_buffer(struct ibv_pd *pd, void *buffer, size_t bytes)
{
	int access = IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_READ;

	check(!ibv_reg_mr(pd, buffer, bytes, access), "ibv_reg_mr");
}

static void to_init(struct ibv_qp *qp)
{
	struct ibv_qp_attr attr = {
		.qp_state = IBV_QPS_INIT,
		.port_num = PORT_NUMBER,
		.qp_access_flags = IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE |
				   IBV_ACCESS_REMOTE_READ,
	};

	check(ibv_modify_qp(qp, &attr, IBV_QP_STATE | IBV_QP_PKEY_INDEX | IBV_QP_PORT |
			    IBV_QP_ACCESS_FLAGS), "modify_qp to INIT");
}

static void to_ready_to_receive(struct ibv_qp *qp, const union ibv_gid *gid, int gid_index)
{
	struct ibv_qp_attr attr = {
		.qp_state = IBV_QPS_RTR,
		.path_mtu = IBV_MTU_1024,
		.dest_qp_num = qp->qp_num,
		.max_dest_rd_atomic = 1,
		.min_rnr_timer = 12,
		.ah_attr = {
			.is_global = 1,
			.port_num = PORT_NUMBER,
			.grh = { .dgid = *gid, .sgid_index = gid_index, .hop_limit = 1 },
		},
	};

	check(ibv_modify_qp(qp, &attr, IBV_QP_STATE | IBV_QP_AV | IBV_QP_PATH_MTU |
			    IBV_QP_DEST_QPN | IBV_QP_RQ_PSN | IBV_QP_MAX_DEST_RD_ATOMIC |
			    IBV_QP_MIN_RNR_TIMER), "modify_qp to RTR");
}

static void to_ready_to_send(struct ibv_qp *qp)
{
	struct ibv_qp_attr attr = {
		.qp_state = IBV_QPS_RTS,
		.timeout = 14,
		.retry_cnt = 7,
		.rnr_retry = 7,
		.max_rd_atomic = 1,
	};

	check(ibv_modify_qp(qp, &attr, IBV_QP_STATE | IBV_QP_TIMEOUT | IBV_QP_RETRY_CNT |
			    IBV_QP_RNR_RETRY | IBV_QP_SQ_PSN | IBV_QP_MAX_QP_RD_ATOMIC),
	      "modify_qp to RTS");
}

int main(int argc, char *argv[])
{
	struct ibv_qp_init_attr qp_attr = {
		.qp_type = IBV_QPT_RC,
		.cap = { .max_send_wr = QUEUE_DEPTH, .max_recv_wr = QUEUE_DEPTH,
			 .max_send_sge = 1, .max_recv_sge = 1 },
	};
	struct stages stages = {};
	struct ibv_device *device;
	struct ibv_context *context;
	union ibv_gid gid;
	struct ibv_pd *pd;
	struct ibv_qp *qp;
	void *small, *large;
	int gid_index;

	stage_done(&stages, "main");
	check(argc != 3, "usage: control_plane DEVICE GID_INDEX");
	gid_index = atoi(argv[2]);

	device = find_device(argv[1]);
	stage_done(&stages, "get_device_list");
	context = ibv_open_device(device);
	check(!context, "ibv_open_device");
	stage_done(&stages, "open_device");
	check(ibv_query_gid(context, PORT_NUMBER, gid_index, &gid), "ibv_query_gid");
	stage_done(&stages, "query_gid");
	pd = ibv_alloc_pd(context);
	check(!pd, "ibv_alloc_pd");
	stage_done(&stages, "alloc_pd");
	small = touched_buffer(SMALL_BUFFER_BYTES);
	large = touched_buffer(LARGE_BUFFER_BYTES);
	stage_done(&stages, OWN_BUFFER_STAGE);
	register_buffer(pd, small, SMALL_BUFFER_BYTES);
	stage_done(&stages, "reg_mr_4k");
	register_buffer(pd, large, LARGE_BUFFER_BYTES);
	stage_done(&stages, "reg_mr_4m");
	qp_attr.send_cq = qp_attr.recv_cq = ibv_create_cq(context, 2 * QUEUE_DEPTH, NULL, NULL, 0);
	check(!qp_attr.send_cq, "ibv_create_cq");
	stage_done(&stages, "create_cq");
	qp = ibv_create_qp(pd, &qp_attr);
	check(!qp, "ibv_create_qp");
	stage_done(&stages, "create_qp");
	to_init(qp);
	stage_done(&stages, "init");
	to_ready_to_receive(qp, &gid, gid_index);
	stage_done(&stages, "rtr");
	to_ready_to_send(qp);
	stage_done(&stages, "rts");
	report_and_exit(&stages);
}
