using System.Text;
using AuthMesh.Metrics;
using AuthMesh.Requests;
using AuthMesh.Services;
using AuthMesh.Tls;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace AuthMesh.Settings;

/// <summary>The settings of every service of a mesh: the section <c>AuthMesh</c>.</summary>
public sealed class AuthMeshOptions
{
    // RFC 7519 §4.1.4 asks for "a few minutes" at most. Half a minute is more than machines with a time server ever differ.
    internal static readonly TimeSpan MaximumClockSkew = TimeSpan.FromSeconds(30);

    /// <summary>The configuration section that these settings come from.</summary>
    public const string Section = "AuthMesh";

    /// <summary>
    /// The public origin of the mesh and the <c>iss</c> of its tokens, compared character by character (RFC 9068 §4): scheme and host, a
    /// port unless it is the scheme's default, and no slash at the end. Https outside Development.
    /// </summary>
    public string Issuer { get; set; } = "";

    /// <summary>
    /// The origin of the pages, if it is not the issuer: the same scheme and another host, for gateway and identity service. People sign in
    /// there, and services behind the issuer's origin neither see that session cookie nor run scripts beside the pages.
    /// </summary>
    public string PagesOrigin { get; set; } = "";

    /// <summary>The <c>aud</c> that tokens must carry (RFC 9068 §4).</summary>
    public string Audience { get; set; } = "authmesh";

    /// <summary>
    /// The address at which this service reaches the identity service for its keys. It is an inner address, not the issuer. The service
    /// never follows the <c>jwks_uri</c> of the issuer's metadata, so a container's address and a browser's may differ. If replicas have
    /// addresses of their own, separate them with commas, or give a name that has all of them: this service then listens to each. A program
    /// that only calls services gets its tokens there, and from the <see cref="Issuer"/> unless it is set.
    /// </summary>
    public string IdentityUrl { get; set; } = "";

    /// <summary>
    /// The secret that authenticates the services of a mesh to each other, at least 32 characters; or see <see cref="ServiceKeyFile"/>.
    /// Only a service that has it may receive revocations.
    /// </summary>
    public string ServiceKey { get; set; } = "";

    /// <summary>A file with the <see cref="ServiceKey"/>.</summary>
    public string ServiceKeyFile { get; set; } = "";

    /// <summary>
    /// A second address of this service that speaks HTTP/2 without TLS, for the gateway: <c>http://+:8082</c> for all addresses. Off unless
    /// set. The gateway's cluster must then have the port and <c>HttpRequest:Version</c> 2. Keep it inside your network.
    /// </summary>
    public string Http2Url { get; set; } = "";

    /// <summary>
    /// An address of its own at which this service answers <c>/metrics</c> in Prometheus' text format, and health requests:
    /// <c>http://+:9464</c> for all addresses. Off unless set. Keep it inside your network.
    /// </summary>
    public string MetricsUrl { get; set; } = "";

    /// <summary>Encryption between gateway and services.</summary>
    public InnerTlsOptions Tls { get; set; } = new();

    /// <summary>How this service authenticates where it calls others in its own name.</summary>
    public ClientOptions Client { get; set; } = new();

    /// <summary>How this service treats a lack of confirmed revocations.</summary>
    public RevocationOptions Revocations { get; set; } = new();

    /// <summary>
    /// How far the clocks of issuer and verifier may differ: 0 to 30 seconds. This service accepts a token that long before its <c>iat</c>
    /// and after its <c>exp</c>. It logs a difference of more than 5 seconds, and shows it as <c>authmesh.clock.offset</c>.
    /// </summary>
    public TimeSpan ClockSkew { get; set; } = MaximumClockSkew;

    /// <summary>How often this service fetches the issuer's keys: 1 second to 1 hour.</summary>
    public TimeSpan KeyRefreshInterval { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>
    /// How often this service looks up the names of other services: 1 to 5 seconds. Each address of a name is one replica.
    /// </summary>
    public TimeSpan ResolveInterval { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>
    /// How long a stopping service goes on as before, while its readiness sends callers to other replicas: 0 to 10 seconds. In Development
    /// 0 unless set. The default covers two probes, one per second.
    /// </summary>
    public TimeSpan ShutdownGrace { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// The maximum number of verified tokens to cache: 0 to 2,000,000. Half as many in use at one time are sure to stay cached. Each takes
    /// about 400 bytes once a client has sent it. 0 verifies every token anew.
    /// </summary>
    public int VerifiedTokens { get; set; } = 200_000;

    /// <summary>The origin at which the pages stand.</summary>
    internal string OriginOfPages => PagesOrigin.Length > 0 ? PagesOrigin : Issuer;

    /// <summary>The single addresses of <see cref="IdentityUrl"/>.</summary>
    internal IReadOnlyList<string> IdentityOrigins =>
        [.. IdentityUrl.Split(',', StringSplitOptions.TrimEntries).Select(origin => origin.TrimEnd('/'))];

    /// <summary>Whether the value is an origin as a browser writes it: scheme, host and at most a port (RFC 6454 §6.2).</summary>
    public static bool IsOrigin(string value) =>
        Uri.TryCreate(value, UriKind.Absolute, out var url) && url.Scheme is "http" or "https"
        && url.GetLeftPart(UriPartial.Authority) == value
        && url.UserInfo.Length == 0 && Ascii.IsValid(value);
}

/// <summary>The section <c>AuthMesh:Client</c>: the application that this service is, for <c>AddAuthMeshToken</c>.</summary>
public sealed class ClientOptions
{
    /// <summary>The <c>client_id</c> that an admin gave the application.</summary>
    public string Id { get; set; } = "";

    /// <summary>A secret of the application; or see <see cref="SecretFile"/>.</summary>
    public string Secret { get; set; } = "";

    /// <summary>A file with the <see cref="Secret"/>. It is read for each token, so that a new secret needs no restart.</summary>
    public string SecretFile { get; set; } = "";
}

/// <summary>The section <c>AuthMesh:Revocations</c>.</summary>
public sealed class RevocationOptions
{
    /// <summary>
    /// How long this service trusts its revocations without a confirmation by the identity service, which confirms every 2 seconds: 5
    /// seconds to 1 hour. After a longer silence this service is degraded.
    /// </summary>
    public TimeSpan StaleAfter { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How this service treats requests with a token after that.</summary>
    public OnStale OnStale { get; set; }
}

/// <summary>Marks a service of the mesh, which verifies tokens and has the service key. A program that only calls has none.</summary>
internal sealed class MeshMember;

internal static class MeshSettings
{
    /// <summary>Reads and checks the settings. A service may need them for several reasons, and reports a problem once.</summary>
    public static void AddMeshSettings(this IServiceCollection services)
    {
        if (services.Any(service => service.ImplementationInstance is CheckedSettings { Section: AuthMeshOptions.Section }))
        {
            return;
        }

        services.AddSettings<AuthMeshOptions, AuthMeshOptionsValidator>(AuthMeshOptions.Section)
            .Configure<IHostEnvironment>((options, environment) =>
                options.ShutdownGrace = environment.IsDevelopment() ? TimeSpan.Zero : options.ShutdownGrace)
            .BindConfiguration(AuthMeshOptions.Section, binder => binder.ErrorOnUnknownConfiguration = true);
    }
}

/// <summary>The choice between availability and certainty while revocations may be missing.</summary>
public enum OnStale
{
    /// <summary>Accepts tokens until they expire, as if nothing were revoked meanwhile.</summary>
    Accept,

    /// <summary>Answers 503 to requests with a token until confirmations arrive again.</summary>
    Reject,
}

internal sealed class AuthMeshOptionsValidator(
    IHostEnvironment environment, Http2Endpoint? http2 = null, MetricsEndpoint? metrics = null, HttpsAddresses? https = null,
    CallsServices? calls = null, MeshMember? member = null)
    : IValidateOptions<AuthMeshOptions>
{
    private const int MinimumServiceKeyLength = 32; // characters; openssl rand -base64 32 prints 44
    private const int MaximumVerifiedTokens = 2_000_000; // more than half a gigabyte of them

    public ValidateOptionsResult Validate(string? name, AuthMeshOptions options)
    {
        var problems = new SettingProblems(AuthMeshOptions.Section);
        problems.Unless(
            AuthMeshOptions.IsOrigin(options.Issuer), nameof(options.Issuer),
            "must be the public origin of the mesh, scheme and host without a path or a slash at the end, for example "
            + "https://auth.example.com.");
        problems.Unless(
            environment.IsDevelopment() || !options.Issuer.StartsWith("http://", StringComparison.Ordinal), nameof(options.Issuer),
            "must be https outside Development. Give the gateway's public https origin, or set "
            + $"{(member is null ? "DOTNET" : "ASPNETCORE")}_ENVIRONMENT=Development.");
        problems.Unless(
            options.PagesOrigin.Length == 0 || IsOtherHost(options.PagesOrigin, options.Issuer), nameof(options.PagesOrigin),
            "must be an origin of its own for the pages, with the issuer's scheme and another host, for example "
            + "https://accounts.example.com. Leave it out for the issuer.");
        problems.Unless(
            !string.IsNullOrWhiteSpace(options.Audience), nameof(options.Audience), "must not be empty. Leave it out for \"authmesh\".");
        problems.Unless(
            options.ClockSkew >= TimeSpan.Zero && options.ClockSkew <= AuthMeshOptions.MaximumClockSkew, nameof(options.ClockSkew),
            "must be 00:00:00 to 00:00:30. Fix a larger difference with a time server.");
        problems.Unless(
            options.KeyRefreshInterval >= TimeSpan.FromSeconds(1) && options.KeyRefreshInterval <= TimeSpan.FromHours(1),
            nameof(options.KeyRefreshInterval), "must be 00:00:01 to 01:00:00.");
        problems.Unless(
            options.ResolveInterval >= TimeSpan.FromSeconds(1) && options.ResolveInterval <= TimeSpan.FromSeconds(5),
            nameof(options.ResolveInterval), "must be 00:00:01 to 00:00:05.");
        problems.Unless(
            options.ShutdownGrace >= TimeSpan.Zero && options.ShutdownGrace <= TimeSpan.FromSeconds(10), nameof(options.ShutdownGrace),
            "must be 00:00:00 to 00:00:10. Container platforms end a service after 30 seconds, and requests under way need the rest.");
        problems.Unless(
            options.VerifiedTokens is >= 0 and <= MaximumVerifiedTokens, nameof(options.VerifiedTokens),
            "must be 0 to 2000000. Leave it out for 200000, which is enough for 100000 tokens in use at one time.");
        problems.Unless(
            options.Revocations.StaleAfter >= TimeSpan.FromSeconds(5) && options.Revocations.StaleAfter <= TimeSpan.FromHours(1),
            "Revocations:StaleAfter", "must be 00:00:05 to 01:00:00. The identity service confirms every 2 seconds.");
        problems.Unless(Enum.IsDefined(options.Revocations.OnStale), "Revocations:OnStale", "must be Accept or Reject.");
        problems.Unless(
            options.Http2Url.Length == 0 || http2 is not null, nameof(options.Http2Url),
            "must be http, an address, and a port that no other address of this service uses, for example http://+:8082.");
        problems.Unless(
            options.MetricsUrl.Length == 0 || metrics is not null, nameof(options.MetricsUrl),
            "must be http, an address, and a port that no other address of this service uses, for example http://+:9464.");
        options.Tls.Check(problems, https);
        options.Tls.CheckRoots(problems);
        if (member is not null)
        {
            CheckServiceKey(options, problems);
        }
        else
        {
            problems.Unless(
                options.IdentityUrl.Length == 0 || options.IdentityOrigins.All(AuthMeshOptions.IsOrigin), nameof(options.IdentityUrl),
                "must be the address at which this program reaches the mesh, without a path. Leave it out for the issuer.");
        }

        CheckClient(options.Client, problems);
        return problems.Result;
    }

    // Browsers share cookies between the ports of a host.
    private static bool IsOtherHost(string origin, string issuer) =>
        AuthMeshOptions.IsOrigin(origin) && Uri.TryCreate(issuer, UriKind.Absolute, out var own) && new Uri(origin) is var other
        && other.Scheme == own.Scheme && other.Host != own.Host;

    private void CheckClient(ClientOptions client, SettingProblems problems)
    {
        const string Key = "Client:Secret";
        if (calls is null)
        {
            return;
        }

        problems.Unless(
            client.Id.Length > 0, "Client:Id",
            "must be the client_id of the application that this service is, because it calls others in its own name. An admin creates one "
            + "with POST /applications.");
        if (Secret.TryRead(client.Secret, client.SecretFile, Key, problems) is { } secret)
        {
            problems.Unless(secret.Length > 0, Key, "(or Client:SecretFile) must be a secret of the application.");
            problems.Unless(
                environment.IsDevelopment() || !secret.StartsWith(Secret.PresetPrefix, StringComparison.Ordinal), Key,
                "is that of a sample, which is public. Make one of your own: POST /applications answers it.");
        }
    }

    private void CheckServiceKey(AuthMeshOptions options, SettingProblems problems)
    {
        const string Key = nameof(options.ServiceKey);
        if (Secret.TryRead(options.ServiceKey, options.ServiceKeyFile, Key, problems) is { } serviceKey)
        {
            problems.Unless(
                serviceKey.Length >= MinimumServiceKeyLength && serviceKey.All(c => c is > ' ' and <= '~'), Key,
                "(or ServiceKeyFile) must be at least 32 visible ASCII characters, the same in every service of the mesh: openssl rand "
                + "-base64 32.");
            problems.Unless(
                environment.IsDevelopment() || !serviceKey.StartsWith(Secret.PresetPrefix, StringComparison.Ordinal), Key,
                "is the preset one of the quick start, which is public. Make your own: openssl rand -base64 32.");
        }
    }
}
