using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text.Json.Serialization;
using AuthMesh.Errors;
using AuthMesh.Identity.Applications;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Sessions;
using AuthMesh.Identity.Throttling;
using AuthMesh.Settings;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Npgsql;
using NpgsqlTypes;

namespace AuthMesh.Identity.OpenId;

/// <summary>The answer of RFC 8628 §3.2.</summary>
/// <param name="DeviceCode">With it the device asks for its tokens.</param>
/// <param name="UserCode">What the user types, such as <c>WDJB-MJHT</c>.</param>
/// <param name="VerificationUri">Where.</param>
/// <param name="CompleteVerificationUri">The same with the code filled in, for a QR code.</param>
/// <param name="ExpiresInSeconds">How long the user has.</param>
/// <param name="IntervalSeconds">How long the device must wait between two questions.</param>
public sealed record DeviceAuthorizationResponse(
    [property: JsonPropertyName("device_code")] string DeviceCode,
    [property: JsonPropertyName("user_code")] string UserCode,
    [property: JsonPropertyName("verification_uri")] string VerificationUri,
    [property: JsonPropertyName("verification_uri_complete")] string CompleteVerificationUri,
    [property: JsonPropertyName("expires_in")] int ExpiresInSeconds,
    [property: JsonPropertyName("interval")] int IntervalSeconds);

/// <summary>Gives a device the code that its user types on another one (RFC 8628 §3.1).</summary>
internal static class AuthorizeDevice
{
    private const int CodeBytes = 32, Tries = 3;

    // An expired row keeps its code until it is pruned. Of 20^8 codes, few are taken.
    private const string Insert =
        """
        INSERT INTO device_authorizations (
            device_code_hash, user_code, application_id, client_epoch, scopes, audience, network, device, expires_at, next_poll_at,
            interval_seconds)
        SELECT
            @device_code, @user_code, a.id, a.epoch, @scopes, @audience, @network, @device, now() + interval '10 minutes', now(), @interval
        FROM applications a WHERE a.id = @application AND a.epoch = @client_epoch AND a.disabled_at IS NULL
        ON CONFLICT (user_code) DO NOTHING
        """;

    public static void Map(IEndpointRouteBuilder app) => app.MapPost("/device_authorization", HandleAsync).AllowAnonymous()
        .ProducesFailure(OAuthError.InvalidClient, OAuthError.UnauthorizedClient, OAuthError.InvalidScope, OAuthError.InvalidTarget);

    private static async Task<Results<Ok<DeviceAuthorizationResponse>, Failure>> HandleAsync(
        HttpContext context, ClientAuthentication authentication, Budgets budgets, Throttle throttle, IdentityDb db,
        CallerAddress callerAddress, IOptions<AuthMeshOptions> mesh, CancellationToken cancellationToken)
    {
        var (parameters, refusal) = await ProtocolParameters.ReadFormAsync(context.Request);
        if (parameters is null)
        {
            return refusal!;
        }

        (var client, refusal) = await authentication.RunAsync(parameters, context.Request, cancellationToken);
        if (client is null)
        {
            return refusal!;
        }

        if (!client.MayUse(GrantType.DeviceCode))
        {
            return OAuthError.UnauthorizedClient;
        }

        if (client.ChooseScopes(parameters["scope"]) is not { } scopes)
        {
            return OAuthError.InvalidScope;
        }

        var audience = parameters["resource"] is { } resource && resource != mesh.Value.Audience ? resource : null;
        if (audience is not null && !client.MayReach(audience))
        {
            return OAuthError.InvalidTarget;
        }

        (var reservation, refusal, _) = await throttle.ReserveAsync(
            budgets.ForDevice(client.Id, callerAddress.NetworkOf(context)), cancellationToken);
        if (reservation is null)
        {
            return refusal!;
        }

        var deviceCode = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(CodeBytes));
        for (var i = 0; i < Tries; i++)
        {
            var userCode = UserCode.Create();
            NpgsqlParameter[] values =
            [
                new("device_code", DeviceGrant.HashOf(deviceCode)), new("user_code", userCode), new("application", client.Id),
                new("client_epoch", client.Epoch), new("scopes", scopes),
                new("audience", NpgsqlDbType.Text) { Value = (object?)audience ?? DBNull.Value },
                new("network", callerAddress.Of(context)),
                new("device", StartSession.Describe(context.Request.Headers.UserAgent.ToString())),
                new("interval", DeviceAuthorization.FirstIntervalSeconds),
            ];
            if (await db.Database.ExecuteSqlRawAsync(Insert, values, cancellationToken) > 0)
            {
                var (uri, shown) = (mesh.Value.OriginOfPages + "/device", UserCode.Show(userCode));
                return TypedResults.Ok(new DeviceAuthorizationResponse(
                    deviceCode, shown, uri, $"{uri}?user_code={shown}", (int)DeviceAuthorization.Lifetime.TotalSeconds,
                    DeviceAuthorization.FirstIntervalSeconds));
            }
        }

        return OAuthError.InvalidClient; // disabled at this moment, or it may do less
    }
}
