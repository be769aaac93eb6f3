using System.Security.Cryptography;
using AuthMesh.Tests.Faults;
using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Sessions;

[Collection<OnOwnMesh>]
public sealed class SessionOutageTests(OwnMesh mesh)
{
    [Fact]
    public async Task Without_PostgreSQL_junk_is_refused_and_possibly_valid_credentials_get_503()
    {
        await mesh.WholeAsync();
        var user = await Patience.UntilAsync(mesh.Gateway.SignUpAsync, user => user.Answer.Status == 200);

        await mesh.Postgres.KillAsync();
        try
        {
            // These need no database.
            (await mesh.Gateway.RefreshAsync(user.RefreshToken[..^8] + "AAAAAAAA")).AssertError(401, "invalid_refresh_token");
            (await mesh.Gateway.RefreshAsync("junk")).AssertError(401, "invalid_refresh_token");
            (await mesh.Identity.ExchangeAsync(new { cookie = "junk" })).AssertError(401, "invalid_session");
            Assert.Equal(200, (await mesh.Gateway.LogoutAsync(body: new { refresh_token = user.RefreshToken[..^8] + "AAAAAAAA" })).Status);

            Answer[] genuine =
            [
                await mesh.Gateway.RefreshAsync(user.RefreshToken), await mesh.Identity.ExchangeAsync(new { cookie = user.Cookie }),
                await mesh.Gateway.LogoutAsync(user.Token), await mesh.Gateway.GetAsync("/account", user.Token),
                await mesh.Gateway.ChangePasswordAsync(user.Token, user.Password, "another password"),
                await mesh.Gateway.DeleteAccountAsync(user.Token, user.Password),
                await mesh.Gateway.GetAsync("/account/sessions", user.Token),
            ];

            Assert.All(genuine, answer =>
            {
                answer.AssertError(503, "database_unavailable");
                Assert.NotNull(answer.Header("Retry-After"));
                Assert.Null(answer.Cookie()); // the browser keeps it for a retry
            });

            // A key that is not yet known here may have signed this, so the logout must not claim success.
            var stranger = new Forge("nobodys-key", ECDsa.Create(ECCurve.NamedCurves.nistP256));
            var token = stranger.Sign(stranger.Header(), Forge.Claims());
            var unsure = await Patience.UntilAsync(() => mesh.Gateway.LogoutAsync(token), answer => answer.Status == 503);
            unsure.AssertError(503, "keys_unavailable");
            Assert.Null(unsure.Cookie());
        }
        finally
        {
            await mesh.Postgres.StartAgainAsync();
        }

        await Patience.UntilAsync(() => mesh.Gateway.RefreshAsync(user.RefreshToken), answer => answer.Status == 200);
        Assert.Equal(200, (await mesh.Gateway.LogoutAsync(user.Token)).Status);
        Assert.Equal(401, (await mesh.Gateway.RefreshAsync(user.RefreshToken)).Status);
    }
}
