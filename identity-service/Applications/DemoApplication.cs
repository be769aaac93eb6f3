using AuthMesh.Access;
using AuthMesh.Identity.Operator;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Sessions;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Npgsql;

namespace AuthMesh.Identity.Applications;

/// <summary>
/// The console client as an application, so that <c>authmesh login --web</c> works after the quick start. It exists where the demo users
/// do. An application of that name stays as it is.
/// </summary>
internal sealed class DemoApplication(IdentityDb db, IOptions<DemoUserOptions> options, TimeProvider clock)
{
    private const string ClientId = "authmesh-cli";

    private static readonly ApplicationSettings Settings = ApplicationSettings.New(ApplicationKind.Native, ClientId, new(
        Name: "AuthMesh command line", FirstParty: true,
        Grants: [GrantType.AuthorizationCode, GrantType.RefreshToken, GrantType.DeviceCode],
        Scopes: ["openid", "profile", "email", "offline_access", Scopes.Mesh, OwnEndpoints.AccountRead, OwnEndpoints.UsersRead],
        RedirectUris: ["http://127.0.0.1/callback"]));

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        if (options.Value.AreWanted)
        {
            var now = clock.GetUtcNow();
            await db.Database.ExecuteSqlRawAsync(
                CreateApplication.Insert,
                [
                    .. Settings.Parameters.Select(parameter => parameter.Clone()), new NpgsqlParameter("id", Guid.CreateVersion7(now)),
                    new NpgsqlParameter("client_id", ClientId), new NpgsqlParameter("secret", Guid.Empty),
                    new NpgsqlParameter("hash", Array.Empty<byte>()), new NpgsqlParameter("is_confidential", false),
                ],
                cancellationToken);
        }
    }
}
