using AuthMesh.Settings;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Options;

namespace AuthMesh.Tokens;

/// <summary>The metadata of an endpoint whose tokens are for another audience than <see cref="AuthMeshOptions.Audience"/>.</summary>
internal sealed record EndpointAudience(string Audience);

/// <summary>
/// The audiences of tokens that this program takes. Each endpoint takes tokens of exactly one: a token for one endpoint must not open
/// another (RFC 9068 §4, RFC 8707).
/// </summary>
/// <param name="mesh">Names the audience of every endpoint without <see cref="EndpointAudience"/>.</param>
/// <param name="endpoints">The endpoints of this program; null if it has no routing.</param>
internal sealed class WantedAudiences(IOptions<AuthMeshOptions> mesh, EndpointDataSource? endpoints = null)
{
    /// <summary>The audience that the endpoint takes. A path without an endpoint takes that of the mesh.</summary>
    public string Of(Endpoint? endpoint) => Find(endpoint) ?? mesh.Value.Audience;

    /// <summary>Whether any endpoint takes it.</summary>
    public bool Include(string audience) => audience == mesh.Value.Audience || Further.Contains(audience);

    /// <summary>Those of the endpoints with <see cref="EndpointAudience"/>, which may change while the program runs.</summary>
    public IEnumerable<string> Further => endpoints?.Endpoints.Select(Find).OfType<string>().Distinct() ?? [];

    private static string? Find(Endpoint? endpoint) => endpoint?.Metadata.GetMetadata<EndpointAudience>()?.Audience;
}
