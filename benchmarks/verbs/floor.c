/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * The same as control_plane.c with nothing but the kernel's calls, for rxe: what no verbs library
 * can be faster than. floor UVERBS_PATH GID_INDEX
 */
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <rdma/ib_user_ioctl_cmds.h>
#include <rdma/ib_user_ioctl_verbs.h>
#include <rdma/ib_user_verbs.h>
#include <rdma/rdma_user_ioctl_cmds.h>
#include <rdma/rdma_user_rxe.h>

#include "stages.h"

/* Of the kernel's enums that have no public header: RC, and the attributes of a transition */
#define QP_TYPE_RC 2
#define STATE_INIT 1
#define STATE_RTR 2
#define STATE_RTS 3
#define ACCESS_LOCAL_WRITE_REMOTE_ALL 7
#define MTU_1024 3
#define MASK_INIT 0x39 /* state, access, pkey, port */
#define MASK_RTR 0x129181 /* state, av, mtu, rq psn, dest rd atomic, rnr timer, dest qpn */
#define MASK_RTS 0x12e01 /* state, timeout, retries, rnr retries, rd atomic, sq psn */

static int uverbs;

/* One write() command; "in" is the body behind the header and says where the answer goes */
static void command(unsigned int number, const void *in, unsigned int in_bytes,
		    unsigned int out_bytes)
{
	struct {
		struct ib_uverbs_cmd_hdr header;
		char body[256];
	} request = { .header = { .command = number,
				  .in_words = (in_bytes + sizeof(request.header)) / 4,
				  .out_words = out_bytes / 4 } };
	ssize_t bytes = sizeof(request.header) + in_bytes;

	memcpy(request.body, in, in_bytes);
	check(write(uverbs, &request, bytes) != bytes, "uverbs write");
}

static void get_context(void)
{
	struct ib_uverbs_get_context_resp out;
	struct ib_uverbs_get_context in = { .response = (uintptr_t)&out };

	command(IB_USER_VERBS_CMD_GET_CONTEXT, &in, sizeof(in), sizeof(out));
}

static void query_gid(int index, uint8_t gid[16])
{
	struct ib_uverbs_gid_entry entry = {};
	struct {
		struct ib_uverbs_ioctl_hdr header;
		struct ib_uverbs_attr attrs[4];
	} request = {
		.header = { .length = sizeof(request), .object_id = UVERBS_OBJECT_DEVICE,
			    .method_id = UVERBS_METHOD_QUERY_GID_ENTRY, .num_attrs = 4,
			    .driver_id = RDMA_DRIVER_RXE },
		.attrs = {
			{ .attr_id = UVERBS_ATTR_QUERY_GID_ENTRY_PORT, .len = 8,
			  .flags = UVERBS_ATTR_F_MANDATORY, .data = PORT_NUMBER },
			{ .attr_id = UVERBS_ATTR_QUERY_GID_ENTRY_GID_INDEX, .len = 8,
			  .flags = UVERBS_ATTR_F_MANDATORY, .data = index },
			{ .attr_id = UVERBS_ATTR_QUERY_GID_ENTRY_FLAGS, .len = 4,
			  .flags = UVERBS_ATTR_F_MANDATORY },
			{ .attr_id = UVERBS_ATTR_QUERY_GID_ENTRY_RESP_ENTRY, .len = sizeof(entry),
			  .flags = UVERBS_ATTR_F_MANDATORY, .data = (uintptr_t)&entry },
		},
	};

	check(ioctl(uverbs, RDMA_VERBS_IOCTL, &request), "query gid");
	memcpy(gid, entry.gid, sizeof(entry.gid));
}

static uint32_t alloc_pd(void)
{
	struct ib_uverbs_alloc_pd_resp out;
	struct ib_uverbs_alloc_pd in = { .response = (uintptr_t)&out };

	command(IB_USER_VERBS_CMD_ALLOC_PD, &in, sizeof(in), sizeof(out));
	return out.pd_handle;
}

static void *touched_buffer(size_t bytes)
{
	void *buffer = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	check(buffer == MAP_FAILED, "mmap");
	return buffer;
}

static void register_buffer(uint32_t pd, void *buffer, size_t bytes)
{
	struct ib_uverbs_reg_mr_resp out;
	struct ib_uverbs_reg_mr in = {
		.response = (uintptr_t)&out,
		.start = (uintptr_t)buffer,
		.length = bytes,
		.hca_va = (uintptr_t)buffer,
		.pd_handle = pd,
		.access_flags = ACCESS_LOCAL_WRITE_REMOTE_ALL,
	};

	command(IB_USER_VERBS_CMD_REG_MR, &in, sizeof(in), sizeof(out));
}

static void map_queue(const struct mminfo *info)
{
	check(mmap(NULL, info->size, PROT_READ | PROT_WRITE, MAP_SHARED, uverbs, info->offset) ==
		      MAP_FAILED, "mmap of a queue");
}

static uint32_t create_cq(void)
{
	struct {
		struct ib_uverbs_create_cq_resp response;
		struct mminfo queue;
	} out;
	struct ib_uverbs_create_cq in = {
		.response = (uintptr_t)&out,
		.cqe = 2 * QUEUE_DEPTH,
		.comp_channel = -1,
	};

	command(IB_USER_VERBS_CMD_CREATE_CQ, &in, sizeof(in), sizeof(out));
	map_queue(&out.queue);
	return out.response.cq_handle;
}

static struct ib_uverbs_create_qp_resp create_qp(uint32_t pd, uint32_t cq)
{
	struct {
		struct ib_uverbs_create_qp_resp response;
		struct mminfo receive_queue, send_queue;
	} out;
	struct ib_uverbs_create_qp in = {
		.response = (uintptr_t)&out,
		.pd_handle = pd,
		.send_cq_handle = cq,
		.recv_cq_handle = cq,
		.max_send_wr = QUEUE_DEPTH,
		.max_recv_wr = QUEUE_DEPTH,
		.max_send_sge = 1,
		.max_recv_sge = 1,
		.qp_type = QP_TYPE_RC,
	};

	command(IB_USER_VERBS_CMD_CREATE_QP, &in, sizeof(in), sizeof(out));
	map_queue(&out.receive_queue);
	map_queue(&out.send_queue);
	return out.response;
}

static void modify_qp(const struct ib_uverbs_modify_qp *in)
{
	command(IB_USER_VERBS_CMD_MODIFY_QP, in, sizeof(*in), 0);
}

static void to_init(uint32_t qp)
{
	modify_qp(&(struct ib_uverbs_modify_qp){ .qp_handle = qp, .attr_mask = MASK_INIT,
						 .qp_state = STATE_INIT, .port_num = PORT_NUMBER,
						 .qp_access_flags = ACCESS_LOCAL_WRITE_REMOTE_ALL });
}

static void to_ready_to_receive(const struct ib_uverbs_create_qp_resp *qp, const uint8_t gid[16],
				int gid_index)
{
	struct ib_uverbs_modify_qp in = {
		.qp_handle = qp->qp_handle,
		.attr_mask = MASK_RTR,
		.qp_state = STATE_RTR,
		.path_mtu = MTU_1024,
		.dest_qp_num = qp->qpn,
		.max_dest_rd_atomic = 1,
		.min_rnr_timer = 12,
		.dest = { .is_global = 1, .sgid_index = gid_index, .hop_limit = 1,
			  .port_num = PORT_NUMBER },
	};

	memcpy(in.dest.dgid, gid, sizeof(in.dest.dgid));
	modify_qp(&in);
}

static void to_ready_to_send(uint32_t qp)
{
	modify_qp(&(struct ib_uverbs_modify_qp){ .qp_handle = qp, .attr_mask = MASK_RTS,
						 .qp_state = STATE_RTS, .timeout = 14,
						 .retry_cnt = 7, .rnr_retry = 7,
						 .max_rd_atomic = 1 });
}

int main(int argc, char *argv[])
{
	struct ib_uverbs_create_qp_resp qp;
	struct stages stages = {};
	void *small, *large;
	uint8_t gid[16];
	uint32_t pd, cq;
	int gid_index;

	stage_done(&stages, "main");
	check(argc != 3, "usage: floor UVERBS_PATH GID_INDEX");
	gid_index = atoi(argv[2]);

	uverbs = open(argv[1], O_RDWR | O_CLOEXEC);
	check(uverbs < 0, argv[1]);
	get_context();
	stage_done(&stages, "open_device");
	query_gid(gid_index, gid);
	stage_done(&stages, "query_gid");
	pd = alloc_pd();
	stage_done(&stages, "alloc_pd");
	small = touched_buffer(SMALL_BUFFER_BYTES);
	large = touched_buffer(LARGE_BUFFER_BYTES);
	stage_done(&stages, OWN_BUFFER_STAGE);
	register_buffer(pd, small, SMALL_BUFFER_BYTES);
	stage_done(&stages, "reg_mr_4k");
	register_buffer(pd, large, LARGE_BUFFER_BYTES);
	stage_done(&stages, "reg_mr_4m");
	cq = create_cq();
	stage_done(&stages, "create_cq");
	qp = create_qp(pd, cq);
	stage_done(&stages, "create_qp");
	to_init(qp.qp_handle);
	stage_done(&stages, "init");
	to_ready_to_receive(&qp, gid, gid_index);
	stage_done(&stages, "rtr");
	to_ready_to_send(qp.qp_handle);
	stage_done(&stages, "rts");
	report_and_exit(&stages);
}
