using System.Security.Claims;
using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using AuthMesh.Errors;
using AuthMesh.Identity.Revocations;
using AuthMesh.Identity.Sessions;
using AuthMesh.Issuer;
using AuthMesh.Settings;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Options;

namespace AuthMesh.Identity.Internal;

/// <summary>The secret that the services of a mesh share, as the identity service demands it of them.</summary>
internal sealed class ServiceCredential(IOptions<AuthMeshOptions> options)
{
    // Compared as hashes, so that the time tells neither a prefix nor the length.
    private readonly byte[] expected = Hash(Secret.Read(options.Value.ServiceKey, options.Value.ServiceKeyFile));

    /// <summary>Whether the request comes from a service of the mesh, and what it says about its own caller can be believed.</summary>
    public bool IsOn(HttpRequest request) =>
        request.Headers.TryGetValue(IssuerConnection.ServiceKeyHeader, out var values) && values is [{ } value]
        && CryptographicOperations.FixedTimeEquals(Hash(value), expected);

    private static byte[] Hash(string text) => SHA256.HashData(Encoding.UTF8.GetBytes(text));
}

/// <summary>Signs in whoever presents the <see cref="ServiceCredential"/>, for the endpoints below <c>/internal</c> alone.</summary>
internal sealed class ServiceAuthentication(
    ServiceCredential credential, IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory loggers, UrlEncoder encoder)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, loggers, encoder)
{
    public const string SchemeName = "ServiceKey";

    private static readonly Failure InvalidKey = new(
        StatusCodes.Status401Unauthorized, "invalid_service_key", "This path is for the services of the mesh");

    protected override Task<AuthenticateResult> HandleAuthenticateAsync() => Task.FromResult(credential.IsOn(Request)
        ? AuthenticateResult.Success(new AuthenticationTicket(new ClaimsPrincipal(new ClaimsIdentity(SchemeName)), SchemeName))
        : AuthenticateResult.NoResult());

    protected override Task HandleChallengeAsync(AuthenticationProperties properties) => InvalidKey.ExecuteAsync(Context);
}

internal static class InternalEndpoints
{
    private const string Policy = "service";

    public static IServiceCollection AddInternal(this IServiceCollection services)
    {
        services.AddSingleton<ServiceCredential>();
        // Not AddAuthentication() once more: that would start data protection again, which the defaults took out.
        new AuthenticationBuilder(services).AddScheme<AuthenticationSchemeOptions, ServiceAuthentication>(ServiceAuthentication.SchemeName, null);
        services.AddAuthorizationBuilder().AddPolicy(
            Policy, policy => policy.AddAuthenticationSchemes(ServiceAuthentication.SchemeName).RequireAuthenticatedUser());
        return services;
    }

    /// <summary>What only services of the mesh may call. The gateway routes nothing here.</summary>
    public static void MapInternal(this IEndpointRouteBuilder app)
    {
        var group = app.MapNeverStored().MapGroup("/internal").RequireAuthorization(Policy);
        Exchange.Map(group);
        Feed.Map(group);
        HoldKeys.Map(group);
    }
}
