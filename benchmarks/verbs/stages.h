/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * The stages that floor.c and control_plane.c have in common, and how they report: one line of
 * "name microseconds" pairs. The launcher puts the time of exec into the environment.
 */
#ifndef VERBS_BENCH_STAGES_H
#define VERBS_BENCH_STAGES_H

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define EXEC_TIME_VARIABLE "VERBS_BENCH_EXEC_NS"
#define MAX_STAGES 32
#define PORT_NUMBER 1
#define QUEUE_DEPTH 64
#define SMALL_BUFFER_BYTES 4096UL
#define LARGE_BUFFER_BYTES (4UL << 20)
/* What the benchmark does to its own memory; it is taken out of the "net" figures */
#define OWN_BUFFER_STAGE "own_buffer"

struct stages {
	double end_us[MAX_STAGES];
	const char *name[MAX_STAGES];
	int count;
};

static inline double now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1e6 + now.tv_nsec / 1e3;
}

static inline void stage_done(struct stages *stages, const char *name)
{
	stages->name[stages->count] = name;
	stages->end_us[stages->count++] = now_us();
}

static inline void check(int failed, const char *what)
{
	if (failed) {
		perror(what);
		exit(1);
	}
}

/* The first stage is "main", reached when exec has done its work. No clean-up: it is not timed. */
static inline void report_and_exit(const struct stages *stages)
{
	const char *exec_ns = getenv(EXEC_TIME_VARIABLE);
	double main_us = stages->end_us[0];
	int i;

	printf("exec_to_main %.1f", exec_ns ? main_us - atof(exec_ns) / 1e3 : 0.0);
	for (i = 1; i != stages->count; i++)
		printf(" %s %.1f", stages->name[i], stages->end_us[i] - stages->end_us[i - 1]);
	printf("\n");
	fflush(stdout);
	_exit(0);
}

#endif
