# A small image with steerd, steerctl and the default model, run by an unprivileged user.
#
#   docker build -t steerd .
#   docker run --read-only -v steerd-state:/var/lib/steerd -p 127.0.0.1:7070:7070 -p 127.0.0.1:7071:7071 steerd
#   docker run … -v /models:/models:ro steerd --model=/models/other.gguf --dtype=f32
#
# The gRPC port speaks plain text without authentication: publish it on loopback, or behind something that does better.
# BASE_IMAGE may be any Debian 12 or 13. STEER_TORCH_INDEX names a package index with CPU builds of torch; without one the image
# carries the CUDA libraries of the plain build, which makes it four times as large.
ARG BASE_IMAGE=debian:12-slim

FROM ${BASE_IMAGE} AS build
ARG STEER_TORCH_INDEX=
ENV STEER_CACHE=/opt/steerd
WORKDIR /src
COPY deploy/paths.sh deploy/setup.sh deploy/
RUN deploy/setup.sh run
COPY . .
RUN cmake --preset release -B /build -DSTEER_BUILD_TESTS=OFF -DSTEER_PYTHON=/opt/steerd/venv/bin/python \
 && cmake --build /build --target steerd steerctl \
 && strip /build/bin/steerd /build/bin/steerctl
# What the two need at run time: libtorch's libraries as files, the others as the Debian packages they come from, so that
# scanners know them by name.
RUN mkdir -p /out/bin /out/lib /out/share \
 && cp /build/bin/steerd /build/bin/steerctl /out/bin/ \
 && mv /opt/steerd/models/*.gguf /out/share/model.gguf \
 && ldd /out/bin/steerd /out/bin/steerctl | awk '$2 == "=>" {print $3}' | sort -u > /tmp/libraries \
 && grep ^/opt/steerd /tmp/libraries | xargs cp -L -t /out/lib \
 && grep -v ^/opt/steerd /tmp/libraries | xargs -n 1 readlink -f | sed 's,^/lib,*/lib,;s,^/usr/lib,*/lib,' \
    | xargs dpkg -S | cut -d: -f1 | sort -u > /out/packages

FROM ${BASE_IMAGE}
COPY --from=build /out/packages /usr/share/steerd/packages
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive xargs apt-get install -y --no-install-recommends < /usr/share/steerd/packages \
 && rm -rf /var/lib/apt/lists/* \
 && echo /usr/lib/steerd > /etc/ld.so.conf.d/steerd.conf \
 && useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin steerd \
 && install -d -o steerd -g steerd /var/lib/steerd
COPY --from=build /out/lib/ /usr/lib/steerd/
COPY --from=build /out/share/ /usr/share/steerd/
COPY --from=build /out/bin/ /usr/bin/
COPY LICENSE /usr/share/steerd/
RUN ldconfig && steerd --version && steerctl --version
USER steerd
VOLUME /var/lib/steerd
EXPOSE 7070 7071
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["steerctl", "health"]
ENTRYPOINT ["steerd", "--state-dir=/var/lib/steerd", "--listen=0.0.0.0:7070", "--metrics-listen=0.0.0.0:7071", \
            "--insecure-listen-anywhere"]
CMD ["--model=/usr/share/steerd/model.gguf"]
