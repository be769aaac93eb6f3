# All images of the mesh: docker build --target identity-service|resource-service|gateway|client .
# The target mail is the quick start's mail catcher, which is not part of the mesh.
# The stage build builds everything once. The final images contain no shell, no package manager and no SDK.
# --build-arg NATIVE=true builds the gateway and the resource service as native programs. See docs/decisions/0023-ahead-of-time.md.

# Runs on the builder's own architecture for any target, so the compiler needs no emulation.
FROM --platform=$BUILDPLATFORM mcr.microsoft.com/dotnet/sdk:10.0 AS restore
WORKDIR /source
ARG NATIVE=false
RUN if [ "$NATIVE" = true ]; then \
      apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev zlib1g-dev; \
    fi

# The files that determine the packages come first, so that a code change does not repeat the restore. The packages themselves are
# part of this layer; only the downloads are in a cache mount, which may be empty.
COPY global.json Directory.Build.props Directory.Packages.props ./
COPY packaging/*.props packaging/
COPY service-defaults/service-defaults.csproj service-defaults/service.props service-defaults/packages.lock.json service-defaults/
COPY identity-service/identity-service.csproj identity-service/packages.lock.json identity-service/
COPY resource-service/resource-service.csproj resource-service/packages.lock.json resource-service/
COPY gateway/gateway.csproj gateway/packages.lock.json gateway/
COPY client/client.csproj client/packages.lock.json client/
# Native builds need a compiler package of the SDK's own version, which the lock files do not list.
RUN --mount=type=cache,target=/root/.local/share/NuGet \
    for project in identity-service resource-service gateway client; do \
      dotnet restore $project -p:AheadOfTime=true -p:Native=$NATIVE $([ "$NATIVE" = true ] || echo --locked-mode) || exit; \
    done


FROM restore AS build
ARG TARGETARCH
ARG NATIVE=false
COPY . .
# Analyzers run in every other build and would take half of this one.
RUN dotnet msbuild packaging/programs.targets -target:Build,Publish -maxCpuCount -nologo -verbosity:minimal -property:RunAnalyzers=false \
      -property:PublishRoot=/published/ -property:Architecture=$TARGETARCH -property:Native=$NATIVE && \
    rm -f /published/*/*.dbg


# On the target's own architecture, because the tool has a package for each.
FROM mcr.microsoft.com/dotnet/sdk:10.0 AS mail-catcher
RUN --mount=type=cache,target=/root/.local/share/NuGet \
    dotnet tool install Rnwood.Smtp4dev --version 3.15.0 --tool-path /tool && \
    mkdir /published && cp -r "$(dirname "$(find /tool/.store -name Rnwood.Smtp4dev.dll)")/." /published


FROM mcr.microsoft.com/dotnet/aspnet:10.0-noble-chiseled AS runtime
WORKDIR /app
# The image's own unprivileged user, as a number, so that an orchestrator can verify that it is not root.
USER 1654

FROM runtime AS identity-service
COPY --from=build /published/identity-service .
ENTRYPOINT ["./identity-service"]

FROM runtime AS resource-service
COPY --from=build /published/resource-service .
ENTRYPOINT ["./resource-service"]

FROM runtime AS gateway
COPY --from=build /published/gateway .
# The address for "./gateway health" and other probes; it answers even while clients hold every connection of port 8080. Do not publish it.
ENV Gateway__InnerUrl=http://+:8081
ENTRYPOINT ["./gateway"]

FROM runtime AS client
COPY --from=build /published/client .
ENTRYPOINT ["./authmesh"]

# Keeps the last 100 mails in memory, relays none, and shows them on port 8025. Its data folder is empty but must be writable.
FROM runtime AS mail
COPY --from=mail-catcher /published .
ENV DOTNET_gcServer=0
ENTRYPOINT ["dotnet", "Rnwood.Smtp4dev.dll", "--nousersettings", "--locksettings", "--db=", "--baseappdatapath=/tmp", "--hostname=mail", \
    "--smtpport=2525", "--imapport=", "--pop3port=", "--urls=http://*:8025"]
