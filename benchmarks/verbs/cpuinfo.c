/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * How mlx5 finds out at each open if the processor is a Sandy Bridge: by reading a file, as stock
 * rdma-core does, and by an instruction, as patch 0008 does. cpuinfo TIMES FILE...
 * FILE: /proc/cpuinfo, and the one that LXCFS serves (/var/lib/lxcfs/proc/cpuinfo).
 */
#include <cpuid.h>
#include <string.h>

#include "stages.h"

static int number_behind_colon(const char *line, int *value)
{
	const char *colon = strchr(line, ':');

	if (!colon)
		return 1;
	*value = atoi(colon + 1);
	return 0;
}

/* As in providers/mlx5/mlx5.c */
static int by_file(const char *path)
{
	int family = -1, model = -1, found = 0, value;
	char line[128];
	FILE *file = fopen(path, "r");

	check(!file, path);
	while (fgets(line, sizeof(line), file)) {
		if (!strncmp(line, "processor", 9)) {
			family = -1;
			model = -1;
		} else if (!strncmp(line, "cpu family", 10)) {
			if (family < 0 && !number_behind_colon(line, &value))
				family = value;
		} else if (!strncmp(line, "model", 5)) {
			if (model < 0 && !number_behind_colon(line, &value))
				model = value;
		}
		if (family == 6 && (model == 0x2A || model == 0x2D))
			found = 1;
	}
	fclose(file);
	return found;
}

static int by_instruction(const char *unused)
{
	unsigned int eax, ebx, ecx, edx, family, model;

	(void)unused;
	check(!__get_cpuid(1, &eax, &ebx, &ecx, &edx), "cpuid");
	family = (eax >> 8) & 0xf;
	model = ((eax >> 4) & 0xf) | ((eax >> 12) & 0xf0);
	return family == 6 && (model == 0x2A || model == 0x2D);
}

static int ascending(const void *a, const void *b)
{
	double difference = *(const double *)a - *(const double *)b;

	return difference < 0 ? -1 : difference > 0;
}

static int measure(const char *name, int (*function)(const char *), const char *path, int times)
{
	double *took_us = calloc(times, sizeof(*took_us));
	int i, answer = 0;

	check(!took_us, "calloc");
	for (i = 0; i != times; i++) {
		double start_us = now_us();

		answer = function(path);
		took_us[i] = now_us() - start_us;
	}
	qsort(took_us, times, sizeof(*took_us), ascending);
	printf("run %s min %.2f median %.2f max %.2f\n", name, took_us[0], took_us[times / 2],
	       took_us[times - 1]);
	free(took_us);
	return answer;
}

int main(int argc, char *argv[])
{
	int times, answer, i;

	check(argc < 3, "usage: cpuinfo TIMES FILE...");
	times = atoi(argv[1]);
	answer = measure("instruction", by_instruction, NULL, times);
	for (i = 2; i != argc; i++)
		if (measure(argv[i], by_file, argv[i], times) != answer) {
			fprintf(stderr, "%s and the instruction disagree\n", argv[i]);
			return 1;
		}
	return 0;
}
