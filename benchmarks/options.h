/* What load.c is asked to do, from its command line. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <getopt.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { MAX_CONNECTIONS = 4096 };

static struct {
    const char *tool, *era;
    int connections, group;
    double duration, rate;
    char host[256], port[8], path[1024];
} options = {.tool = "echo_0", .era = "modern", .connections = 1, .group = 16, .duration = 2};

static struct sockaddr_storage address; /* of the URL */
static socklen_t address_len;

static void resolve(const char *url)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
    if (sscanf(url, "http://%255[^:/]:%7[0-9]%1023s", options.host, options.port, options.path) < 2 ||
        getaddrinfo(options.host, options.port, &hints, &found) != 0) {
        fprintf(stderr, "load: cannot use the URL %s (http://HOST:PORT/PATH)\n", url);
        exit(2);
    }
    if (!*options.path)
        strcpy(options.path, "/");
    memcpy(&address, found->ai_addr, found->ai_addrlen);
    address_len = found->ai_addrlen;
    freeaddrinfo(found);
}

static void read_options(int argc, char **argv)
{
    static const struct option known[] = {{"url", 1, NULL, 'u'},         {"tool", 1, NULL, 't'},
                                          {"era", 1, NULL, 'e'},         {"connections", 1, NULL, 'c'},
                                          {"group", 1, NULL, 'g'},       {"duration", 1, NULL, 'd'},
                                          {"rate", 1, NULL, 'r'},        {NULL, 0, NULL, 0}};
    int option;
    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        switch (option) {
        case 'u': resolve(optarg); break;
        case 't': options.tool = optarg; break;
        case 'e': options.era = optarg; break;
        case 'c': options.connections = atoi(optarg); break;
        case 'g': options.group = atoi(optarg); break;
        case 'd': options.duration = atof(optarg); break;
        case 'r': options.rate = atof(optarg); break;
        default: exit(2);
        }
    }
    bool era_known = strcmp(options.era, "modern") == 0 || strcmp(options.era, "legacy") == 0;
    if (!address_len || !era_known || options.connections < 1 || options.connections > MAX_CONNECTIONS ||
        options.group < 1 || options.duration <= 0 || options.rate < 0 || strlen(options.tool) > 200) {
        fputs("load: --url is needed; era modern|legacy, connections 1..4096, group, duration > 0\n", stderr);
        exit(2);
    }
}

#endif
