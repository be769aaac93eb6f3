using Microsoft.Kiota.Abstractions.Authentication;

namespace AuthMesh.Samples.TypedClient;

/// <summary>Gives each request the access token of the sign-in.</summary>
internal sealed class KeptToken : IAccessTokenProvider
{
    public string? Value { get; set; }

    // Which hosts may get the token. The program calls one alone.
    public AllowedHostsValidator AllowedHostsValidator { get; } = new();

    public Task<string> GetAuthorizationTokenAsync(
        Uri uri, Dictionary<string, object>? additionalAuthenticationContext = null, CancellationToken cancellationToken = default) =>
        Task.FromResult(Value ?? "");
}
