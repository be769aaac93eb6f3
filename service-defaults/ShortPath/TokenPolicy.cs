using AuthMesh.Access;
using AuthMesh.Tokens;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Authorization.Infrastructure;

namespace AuthMesh.ShortPath;

/// <summary>
/// A policy of the mesh, judged on a token. The verdict is the one that the framework would reach by way of the token's claims.
/// </summary>
internal sealed class TokenPolicy
{
    private readonly StepUpJudge stepUp;
    private readonly bool demandsAdmin, namesScope;
    private readonly ScopeDemand[] scopes;
    private readonly IAuthorizationRequirement[] demands;

    private TokenPolicy(StepUpJudge stepUp, bool demandsAdmin, ScopeDemand[] scopes, IAuthorizationRequirement[] demands)
    {
        (this.stepUp, this.demandsAdmin, this.scopes, this.demands) = (stepUp, demandsAdmin, scopes, demands);
        namesScope = Array.Exists(scopes, demand => demand.Scope is not null);
    }

    /// <returns>Null if the policy has a scheme or a requirement that is not the mesh's: then only the framework can judge it.</returns>
    public static TokenPolicy? TryRead(AuthorizationPolicy policy, StepUpJudge stepUp)
    {
        if (policy.AuthenticationSchemes.Count == 0
            || policy.AuthenticationSchemes.Any(scheme => scheme != JwtBearerDefaults.AuthenticationScheme))
        {
            return null;
        }

        var demandsAdmin = false;
        var scopes = new List<ScopeDemand>();
        var demands = new List<IAuthorizationRequirement>();
        foreach (var requirement in policy.Requirements)
        {
            switch (requirement)
            {
                case DenyAnonymousAuthorizationRequirement when requirement.GetType() == typeof(DenyAnonymousAuthorizationRequirement):
                    break; // every token names its caller
                case RolesAuthorizationRequirement when requirement == ClosedByDefaultServices.AdminRole:
                    demandsAdmin = true;
                    break;
                case ScopeDemand scope:
                    scopes.Add(scope);
                    break;
                case RecentSignIn or TwoFactors:
                    demands.Add(requirement);
                    break;
                default:
                    return null;
            }
        }

        return new TokenPolicy(stepUp, demandsAdmin, [.. scopes], [.. demands]);
    }

    public bool Admits(VerifiedToken token)
    {
        if ((demandsAdmin && token.Role != Roles.Admin) || (token.IsLimited && !namesScope))
        {
            return false;
        }

        foreach (var demand in scopes)
        {
            if (!demand.Admits(token.Scopes, token.Role, token.IsOfApplication))
            {
                return false;
            }
        }

        foreach (var demand in demands)
        {
            if (!stepUp.IsMet(demand, token.AuthenticatedAt, token.Assurance))
            {
                return false;
            }
        }

        return true;
    }
}
