using AuthMesh.Settings;
using AuthMesh.Tokens;
using Yarp.ReverseProxy.Configuration;

namespace AuthMesh.Gateway.Resources;

/// <summary>
/// Routes to a protected resource of its own (RFC 9728), such as an MCP server: the metadata <c>Audience</c> is its URL. The guard takes
/// only tokens with this <c>aud</c> there, and session cookies and keys are exchanged for such tokens. Every other route refuses them.
/// </summary>
internal static class RouteAudience
{
    private const string Metadata = "Audience";

    /// <summary>
    /// Headers that pass on these routes only: those of the Model Context Protocol's transport over HTTP, of its revisions 2025-11-25 and
    /// 2026-07-28.
    /// </summary>
    public static IReadOnlyList<string> Headers { get; } = ["MCP-Protocol-Version", "Mcp-Session-Id", "Mcp-Method", "Mcp-Name"];

    /// <returns>The audience; null for the mesh's own.</returns>
    public static string? Of(RouteConfig? route) => route?.Metadata?.GetValueOrDefault(Metadata);

    /// <returns>The audience; null for the mesh's own.</returns>
    public static string? Of(Endpoint? endpoint) => endpoint?.Metadata.GetMetadata<EndpointAudience>()?.Audience;

    /// <summary>Tells the guard which tokens the route takes.</summary>
    public static void Add(EndpointBuilder endpoint, RouteConfig route)
    {
        if (Of(route) is { } audience)
        {
            endpoint.Metadata.Add(new EndpointAudience(audience));
        }
    }

    /// <exception cref="InvalidOperationException">The audience cannot be one, or nobody's token is checked on the route.</exception>
    public static void Check(RouteConfig route, string key, AuthMeshOptions mesh)
    {
        if (Of(route) is not { } audience)
        {
            return;
        }

        if (AudienceUrl.FindPath(audience, mesh.Issuer) is not { } path)
        {
            throw new InvalidOperationException($"{key}:Metadata:{Metadata} is {audience}. It {AudienceUrl.Rule}.");
        }

        if (audience == mesh.Audience)
        {
            throw new InvalidOperationException(
                $"{key}:Metadata:{Metadata} is {audience}, as AuthMesh:Audience is. Leave it out: every route takes that one.");
        }

        if (string.Equals(route.AuthorizationPolicy, "anonymous", StringComparison.OrdinalIgnoreCase))
        {
            throw new InvalidOperationException(
                $"{key}:Metadata has {Metadata}, and {key}:AuthorizationPolicy is anonymous, so that the gateway checks no token. Write "
                + "scope:NAME, signed-in, admin or application:NAME.");
        }

        // A client takes metadata only for the address that it calls (RFC 9728 §3.3).
        if (!$"{route.Match.Path}/".StartsWith($"{path}/", StringComparison.OrdinalIgnoreCase))
        {
            throw new InvalidOperationException(
                $"{key}:Metadata:{Metadata} is {audience}, and {key}:Match:Path is {route.Match.Path}. The path must be {path} or begin "
                + $"with {path}/.");
        }
    }
}
