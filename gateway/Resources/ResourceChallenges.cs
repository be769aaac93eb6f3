using AuthMesh.Settings;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Primitives;

namespace AuthMesh.Gateway.Resources;

/// <summary>
/// Adds the address of the metadata to every challenge on a route with an audience (RFC 9728 §5.1), the gateway's own and the service's. A
/// client that knows nothing but the resource finds out there where to sign its user in.
/// </summary>
internal sealed class ResourceChallenges(RequestDelegate next, IOptions<AuthMeshOptions> mesh)
{
    private const string Scheme = "Bearer", Parameter = "resource_metadata";

    public Task InvokeAsync(HttpContext context)
    {
        if (RouteAudience.Of(context.GetEndpoint()) is { } audience)
        {
            CompleteOnStarting(context.Response, ResourceMetadata.AddressOf(audience, mesh.Value.Issuer));
        }

        return next(context);
    }

    // Apart, because the lambda would cost the requests of every route an object.
    private static void CompleteOnStarting(HttpResponse response, string address) =>
        response.OnStarting(() => Complete(response, address));

    private static Task Complete(HttpResponse response, string address)
    {
        if (response.Headers.WWWAuthenticate is { Count: > 0 } challenges)
        {
            response.Headers.WWWAuthenticate = new StringValues([.. challenges.Select(challenge => Complete(challenge!, address))]);
        }

        return Task.CompletedTask;
    }

    // First among the parameters: challenges of other schemes may follow in the same header (RFC 9110 §11.6.1).
    private static string Complete(string challenge, string address)
    {
        if (!challenge.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)
            || challenge.Contains(Parameter, StringComparison.OrdinalIgnoreCase))
        {
            return challenge;
        }

        var rest = challenge[Scheme.Length..];
        var added = $"{Scheme} {Parameter}=\"{address}\"";
        return rest.AsSpan().Trim(' ').Length == 0 ? added
            : rest[0] == ',' ? added + rest // another scheme follows
            : rest[0] == ' ' ? $"{added},{rest}"
            : challenge; // another scheme, whose name only begins so
    }
}
