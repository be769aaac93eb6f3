using System.Globalization;
using AuthMesh.Errors;
using AuthMesh.Settings;
using AuthMesh.Tokens;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace AuthMesh.Access;

/// <summary>
/// Demands of an endpoint on the caller's sign-in (OAuth 2.0 Step Up Authentication Challenge, RFC 9470). The answer to a caller who does
/// not meet them is 401 <c>insufficient_user_authentication</c>. The caller proves again who they are (<c>POST
/// /account/reauthenticate</c>) and repeats the request with the new token.
/// </summary>
public static class StepUp
{
    extension<TBuilder>(TBuilder endpoint)
        where TBuilder : IEndpointConventionBuilder
    {
        /// <summary>Demands that the user proved who they are within this time.</summary>
        /// <param name="age">The greatest age of the token's <c>auth_time</c>: a second or more.</param>
        /// <exception cref="ArgumentOutOfRangeException">The age is shorter.</exception>
        public TBuilder RequireRecentSignIn(TimeSpan age)
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(age, TimeSpan.FromSeconds(1));
            return endpoint.Demand(new RecentSignIn(age));
        }

        /// <summary>Demands that the user proved two factors: the token's <c>acr</c> is <see cref="Assurance.TwoFactors"/>.</summary>
        public TBuilder RequireTwoFactors() => endpoint.Demand(new TwoFactors());

        private TBuilder Demand(IAuthorizationRequirement demand)
        {
            var policy = PolicyFor(demand);
            endpoint.Add(built => built.Metadata.Add(policy));
            return endpoint;
        }
    }

    /// <summary>A signed-in caller who meets the demand. Authorization combines it with the endpoint's other policies.</summary>
    internal static AuthorizationPolicy PolicyFor(IAuthorizationRequirement demand) =>
        new AuthorizationPolicyBuilder(JwtBearerDefaults.AuthenticationScheme).RequireAuthenticatedUser().AddRequirements(demand).Build();
}

internal sealed record RecentSignIn(TimeSpan Age) : IAuthorizationRequirement;

internal sealed record TwoFactors : IAuthorizationRequirement;

/// <summary>Judges the demands.</summary>
internal sealed class StepUpJudge(TimeProvider clock, IOptions<AuthMeshOptions> mesh)
{
    /// <param name="demand">What an endpoint requires. Other requirements than these demands are not met.</param>
    /// <param name="authenticatedAt">The token's <c>auth_time</c>, in seconds since 1970.</param>
    /// <param name="assurance">The token's <c>acr</c>.</param>
    public bool IsMet(IAuthorizationRequirement demand, long? authenticatedAt, string? assurance) => demand switch
    {
        RecentSignIn { Age: var age } => authenticatedAt is { } seconds
            // by another clock
            && clock.GetUtcNow() - DateTimeOffset.FromUnixTimeSeconds(seconds) - mesh.Value.ClockSkew < age,
        TwoFactors => assurance == Assurance.TwoFactors,
        _ => false,
    };
}

/// <summary>Judges the demands by the claims of the token, for the framework.</summary>
internal sealed class StepUpHandler(StepUpJudge judge) : IAuthorizationHandler
{
    public Task HandleAsync(AuthorizationHandlerContext context)
    {
        // Only the mesh's token counts: a service may have a second scheme, whose claims have the same names.
        var caller = context.User.Identities.FirstOrDefault(
            identity => identity.AuthenticationType == JwtBearerDefaults.AuthenticationScheme);
        long? authenticatedAt = caller?.FindFirst(AccessTokenClaims.AuthenticatedAt) is { Value: var seconds }
            ? long.Parse(seconds, CultureInfo.InvariantCulture)
            : null;
        var assurance = caller?.FindFirst(AccessTokenClaims.Assurance)?.Value;
        foreach (var requirement in context.PendingRequirements.ToList())
        {
            if (judge.IsMet(requirement, authenticatedAt, assurance))
            {
                context.Succeed(requirement);
            }
        }

        return Task.CompletedTask;
    }

    /// <returns>The answer, or null if the caller fails for another reason too, which no new proof would change.</returns>
    public static Failure? FindRefusal(IEnumerable<IAuthorizationRequirement> failed)
    {
        int? maxAge = null;
        string? assurance = null;
        foreach (var requirement in failed)
        {
            switch (requirement)
            {
                case RecentSignIn { Age: var age }:
                    maxAge = Math.Min(maxAge ?? int.MaxValue, (int)Math.Min(int.MaxValue, age.TotalSeconds));
                    break;
                case TwoFactors:
                    assurance = Assurance.TwoFactors;
                    break;
                default:
                    return null;
            }
        }

        return maxAge is null && assurance is null ? null : CommonFailures.InsufficientAuthentication(maxAge, assurance);
    }
}
