using System.Text.Json;

namespace AuthMesh.Tests.OpenId.Clients;

/// <summary>An application that signs people in with a client library which others wrote.</summary>
internal interface IRelyingParty : IAsyncDisposable
{
    /// <summary>Signs the person in: the code flow with S256.</summary>
    /// <returns>What the library accepted and keeps.</returns>
    Task<HeldTokens> SignInAsync();

    /// <summary>Calls <c>GET /protected</c> with the access token that the library keeps.</summary>
    /// <returns>The status of the answer, or of the application's own if it does not call without a sign-in.</returns>
    Task<int> CallAsync();

    /// <summary>Gets further tokens for the refresh token.</summary>
    Task<HeldTokens> RefreshAsync();

    /// <summary>Signs out in the library's way.</summary>
    Task SignOutAsync();
}

/// <summary>What a client library keeps of a sign-in.</summary>
/// <param name="AccessToken">The access token.</param>
/// <param name="RefreshToken">The refresh token.</param>
/// <param name="IdToken">The claims of the ID token, after the library has checked it; undefined if a refresh brought none.</param>
internal sealed record HeldTokens(string AccessToken, string RefreshToken, JsonElement IdToken)
{
    /// <param name="json">An object with <c>access_token</c>, <c>refresh_token</c>, and the claims in <c>id_token</c>.</param>
    public static HeldTokens Read(JsonElement json) => new(
        json.GetProperty("access_token").GetString()!, json.GetProperty("refresh_token").GetString()!,
        json.TryGetProperty("id_token", out var claims) && claims.ValueKind == JsonValueKind.Object ? claims : default);

    public string? Claim(string name) =>
        IdToken.ValueKind == JsonValueKind.Object && IdToken.TryGetProperty(name, out var value) ? value.ToString() : null;
}
