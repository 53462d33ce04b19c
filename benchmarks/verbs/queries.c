/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * The device's attributes, asked twice in a process, as each layer of a communication library
 * does for itself. queries DEVICE
 */
#include "endpoint.h"

static double query_us(struct ibv_context *context)
{
	struct ibv_device_attr attr;
	double start_us = now_us();

	check(ibv_query_device(context, &attr), "ibv_query_device");
	return now_us() - start_us;
}

int main(int argc, char *argv[])
{
	struct endpoint end = {};
	double first_us, later_us;

	check(argc != 2, "usage: queries DEVICE");
	open_device(&end, argv[1]);
	first_us = query_us(end.context);
	later_us = query_us(end.context);
	printf("first_query %.1f later_query %.1f\n", first_us, later_us);
	return 0;
}
