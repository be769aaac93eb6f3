using AuthMesh.Tests.Applications;
using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.OpenId.Clients;

/// <summary>What every client has to manage.</summary>
internal static class Story
{
    /// <summary>A person signs in, calls, refreshes, calls again, signs out, and is refused.</summary>
    public static async Task TellAsync(ClientMesh mesh, RegisteredClient registered, IRelyingParty client)
    {
        // 1. The library itself has compared issuer, audience, signature, lifetime and nonce. The rest is what applications read.
        var first = await client.SignInAsync();
        Assert.Equal((mesh.Issuer, registered.Id), (first.Claim("iss"), first.Claim("aud")));
        Assert.Equal(ClientMesh.Username, first.Claim("preferred_username"));
        Assert.NotNull(first.Claim("sid"));
        Assert.Equal(200, await client.CallAsync());

        // 2. Refresh tokens rotate.
        var second = await client.RefreshAsync();
        Assert.NotEqual(first.AccessToken, second.AccessToken);
        Assert.NotEqual(first.RefreshToken, second.RefreshToken);
        Assert.Equal(first.Claim("sub"), second.Claim("sub") ?? first.Claim("sub"));
        Assert.Equal(200, await client.CallAsync());
        Assert.Equal(200, (await mesh.Gateway.GetAsync("/protected", second.AccessToken)).Status);

        // 3. Everything ends with the sign-out, also what somebody has copied.
        await client.SignOutAsync();
        await Patience.UntilAsync(() => client.CallAsync(), status => status != 200);
        foreach (var token in new[] { first.AccessToken, second.AccessToken })
        {
            await Patience.UntilAsync(async () => (await mesh.Gateway.GetAsync("/protected", token)).Status, status => status == 401);
        }

        var refused = await mesh.Gateway.TokenAsync(
            [
                ("grant_type", "refresh_token"), ("refresh_token", second.RefreshToken), ("client_id", registered.Id),
                .. registered.Secret is { } secret ? new[] { ("client_secret", secret) } : [],
            ]);
        Assert.Equal((400, "invalid_grant"), (refused.Status, refused.Member("error")));
    }
}
