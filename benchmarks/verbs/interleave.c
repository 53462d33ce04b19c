/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * Runs each line of a plan in turn, round after round, so that drift of the machine falls on all
 * alike. interleave ROUNDS PLAN; a line is: NAME ROOT VARIABLES PROGRAM [ARGUMENT...], where ROOT
 * is changed to before exec and VARIABLES is a comma-free list A=B;C=D or "-". What a program
 * prints is passed on behind its name.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_LINES 64
#define MAX_WORDS 32
#define MAX_LINE 1024
#define EXEC_TIME_VARIABLE "VERBS_BENCH_EXEC_NS"

enum { NAME, ROOT, VARIABLES, PROGRAM };

struct line {
	char text[MAX_LINE];
	char *words[MAX_WORDS];
};

static void check(int failed, const char *what)
{
	if (failed) {
		perror(what);
		exit(1);
	}
}

static void split(struct line *line)
{
	char *rest = line->text;
	int i;

	for (i = 0; i != MAX_WORDS - 1; i++) {
		line->words[i] = strtok_r(i ? NULL : line->text, " \n", &rest);
		if (!line->words[i])
			break;
	}
	check(i <= PROGRAM, "plan line has too few words");
}

static int read_plan(const char *path, struct line *lines)
{
	FILE *plan = fopen(path, "re");
	int count = 0;

	check(!plan, path);
	while (count != MAX_LINES && fgets(lines[count].text, MAX_LINE, plan))
		if (lines[count].text[0] != '\n')
			split(&lines[count++]);
	fclose(plan);
	return count;
}

/* The time is taken last of all before exec, in the child */
static void run_child(struct line *line, int output)
{
	struct timespec now;
	char time_text[32];
	char *variable;

	check(dup2(output, STDOUT_FILENO) < 0, "dup2");
	check(chroot(line->words[ROOT]) || chdir("/"), line->words[ROOT]);
	clearenv();
	if (strcmp(line->words[VARIABLES], "-"))
		for (variable = strtok(line->words[VARIABLES], ";"); variable;
		     variable = strtok(NULL, ";"))
			putenv(variable);
	clock_gettime(CLOCK_MONOTONIC, &now);
	snprintf(time_text, sizeof(time_text), "%lld", now.tv_sec * 1000000000LL + now.tv_nsec);
	setenv(EXEC_TIME_VARIABLE, time_text, 1);
	execv(line->words[PROGRAM], &line->words[PROGRAM]);
	perror(line->words[PROGRAM]);
	_exit(127);
}

static void run(struct line *line)
{
	char text[4096];
	ssize_t bytes, used = 0;
	int ends[2], status;
	pid_t child;

	check(pipe(ends), "pipe");
	fflush(stdout);
	child = fork();
	check(child < 0, "fork");
	if (!child)
		run_child(line, ends[1]);
	close(ends[1]);
	while ((bytes = read(ends[0], text + used, sizeof(text) - 1 - used)) > 0)
		used += bytes;
	close(ends[0]);
	check(waitpid(child, &status, 0) != child, "waitpid");
	text[used] = 0;
	if (status)
		printf("failed %s status %d\n", line->words[NAME], status);
	else
		printf("run %s %s", line->words[NAME], text);
	fflush(stdout);
}

int main(int argc, char *argv[])
{
	static struct line lines[MAX_LINES];
	int rounds, round, i, count;

	check(argc != 3, "usage: interleave ROUNDS PLAN");
	rounds = atoi(argv[1]);
	count = read_plan(argv[2], lines);
	for (round = 0; round != rounds; round++)
		for (i = 0; i != count; i++)
			run(&lines[i]);
	return 0;
}
