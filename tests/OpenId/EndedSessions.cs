using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Protocols;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using Microsoft.IdentityModel.Tokens;

namespace AuthMesh.Tests.OpenId;

// docs/applications.md shows the rest of this file.

/// <summary>The sessions that the mesh has ended, by their sid.</summary>
public static class EndedSessions
{
    private const string Event = "http://schemas.openid.net/event/backchannel-logout";

    /// <summary>Answers at backchannel_logout_uri.</summary>
    public static async Task<IResult> TakeAsync(
        HttpContext context, string clientId, IConfigurationManager<OpenIdConnectConfiguration> mesh, IDistributedCache cache)
    {
        context.Response.Headers.CacheControl = "no-store";
        var metadata = await mesh.GetConfigurationAsync(context.RequestAborted);
        var result = await new JsonWebTokenHandler { MapInboundClaims = false }.ValidateTokenAsync(
            (await context.Request.ReadFormAsync())["logout_token"],
            new TokenValidationParameters
            {
                ValidTypes = ["logout+jwt"], ValidAlgorithms = ["ES256"], // not an id_token or an access token
                ValidIssuer = metadata.Issuer, ValidAudience = clientId, IssuerSigningKeys = metadata.SigningKeys,
            });
        if (!result.IsValid || result.SecurityToken is not JsonWebToken token || token.TryGetPayloadValue<string>("nonce", out _)
            || !token.TryGetPayloadValue<string>("sid", out var sid)
            || !token.TryGetPayloadValue<Dictionary<string, object>>("events", out var events) || !events.ContainsKey(Event))
        {
            mesh.RequestRefresh(); // the key may be new; the mesh tries again
            return Results.BadRequest();
        }

        // For as long as a cookie of yours may live.
        var expiry = new DistributedCacheEntryOptions { AbsoluteExpirationRelativeToNow = TimeSpan.FromDays(14) };
        await cache.SetStringAsync("ended:" + sid, "", expiry, context.RequestAborted);
        return Results.Ok();
    }

    /// <summary>Refuses the cookie of an ended session, at each request.</summary>
    public static async Task CheckAsync(CookieValidatePrincipalContext context)
    {
        var cache = context.HttpContext.RequestServices.GetRequiredService<IDistributedCache>();
        var sid = context.Principal?.FindFirst("sid")?.Value;
        if (sid is null || await cache.GetAsync("ended:" + sid, context.HttpContext.RequestAborted) is not null)
        {
            context.RejectPrincipal();
            await context.HttpContext.SignOutAsync(context.Scheme.Name);
        }
    }
}
