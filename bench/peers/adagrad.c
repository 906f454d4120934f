/* AdaGrad on the log loss, the way one would write it for one model and nothing else: each example
   is scored, then learnt. Weight and sum of squares of a feature lie side by side. */

#include <math.h>
#include <stdint.h>

static inline float link(float margin) { return 1.0f / (1.0f + expf(-margin)); }

/* X: n rows of d, one after another. */
void dense(int64_t n, int64_t d, const float *x, const uint8_t *y, float rate, float prior,
           float *restrict w, float *restrict g, double *restrict said) {
    for (int64_t i = 0; i < n; i++, x += d) {
        float m = 0;
        for (int64_t j = 0; j < d; j++) m += w[j] * x[j];
        float p = link(m), r = p - y[i];
        said[2 * i] = 1 - p;
        said[2 * i + 1] = p;
        for (int64_t j = 0; j < d; j++) {
            float s = r * x[j];
            g[j] += s * s;
            w[j] -= rate * s / sqrtf(g[j] + prior);
        }
    }
}

/* CSR: example i holds entries at[i] to at[i + 1]; w[2 * c] is a weight, w[2 * c + 1] its sum. */
void sparse(int64_t n, const int64_t *at, const int32_t *columns, const float *x,
            const uint8_t *y, float rate, float prior, float *restrict w, double *restrict said) {
    for (int64_t i = 0; i < n; i++) {
        float m = 0;
        for (int64_t j = at[i]; j < at[i + 1]; j++) m += w[2 * columns[j]] * x[j];
        float p = link(m), r = p - y[i];
        said[2 * i] = 1 - p;
        said[2 * i + 1] = p;
        for (int64_t j = at[i]; j < at[i + 1]; j++) {
            float *c = w + 2 * columns[j], s = r * x[j];
            c[1] += s * s;
            c[0] -= rate * s / sqrtf(c[1] + prior);
        }
    }
}
