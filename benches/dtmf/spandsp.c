/* libspandsp's DTMF receiver as a filter: for benches/dtmf alone, which compiles and runs it.
 *
 * Input: records of a 32-bit word (the machine's order) and samples. The word's lower 31 bits are a number of
 * samples; with the highest bit set they were lost and do not follow.
 * Output: a line "key position" for each key, the position being the samples taken or lost when it was reported.
 * At the end the seconds of CPU it took go to standard error.
 * Argument 1 is 1 for the receiver's dial tone filter; argument 2 is how often each packet is heard, to tell what
 * that costs: once unless said. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <spandsp.h>

int main(int argc, char **argv)
{
    static int16_t samples[1 << 16];
    int passes = argc > 2 ? atoi(argv[2]) : 1;
    int filter = argc > 1 && atoi(argv[1]);
    dtmf_rx_state_t *rx = dtmf_rx_init(NULL, NULL, NULL);
    unsigned long at = 0;
    uint32_t word;
    char key[129];

    dtmf_rx_parms(rx, filter, -1, -1, -99);
    while (fread(&word, sizeof word, 1, stdin) == 1) {
        uint32_t count = word & 0x7fffffff;
        if (word >> 31)
            dtmf_rx_fillin(rx, (int) count);
        else if (count > 1 << 16 || fread(samples, sizeof *samples, count, stdin) != count)
            return 1;
        else
            for (int pass = 0; pass < passes; pass++)
                dtmf_rx(rx, samples, (int) count);
        at += count;
        size_t keys = dtmf_rx_get(rx, key, 128);
        for (size_t n = 0; n < keys; n++)
            printf("%c %lu\n", key[n], at);
    }
    fprintf(stderr, "%f\n", (double) clock() / CLOCKS_PER_SEC);
    return fflush(stdout) != 0;
}
