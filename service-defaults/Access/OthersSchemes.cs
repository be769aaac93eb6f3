using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Authorization.Policy;
using Microsoft.AspNetCore.Http;

namespace AuthMesh.Access;

/// <summary>
/// Whether a policy that names only other schemes took its caller from the mesh all the same, because one of them forwards to the mesh's.
/// The name of the scheme does not tell: forwarding depends on the request. The identities of the caller do not tell either, because a
/// service may transform them.
/// </summary>
internal sealed class OthersSchemes
{
    private bool hasAskedMesh;

    private OthersSchemes()
    {
    }

    /// <summary>Authenticates for a policy, and remembers for the request whether the mesh's scheme was asked.</summary>
    public static Task<AuthenticateResult> Follow(AuthorizationPolicy policy, HttpContext context, IPolicyEvaluator evaluator)
    {
        context.Features.Set(NamesMesh(policy) ? null : new OthersSchemes());
        return evaluator.AuthenticateAsync(policy, context);
    }

    public static void TellThatMeshIsAsked(HttpContext context) => context.Features.Get<OthersSchemes>()?.hasAskedMesh = true;

    /// <summary>Whether the policy of the request may have taken its caller from the mesh.</summary>
    public static bool IncludeMesh(HttpContext context, AuthorizationPolicy policy) => NamesMesh(policy) || HaveAskedMesh(context);

    /// <summary>Whether a scheme that the last policy of the request names has forwarded to the mesh's.</summary>
    public static bool HaveAskedMesh(HttpContext context) => context.Features.Get<OthersSchemes>()?.hasAskedMesh is true;

    private static bool NamesMesh(AuthorizationPolicy policy) =>
        policy.AuthenticationSchemes.Count == 0 || policy.AuthenticationSchemes.Contains(JwtBearerDefaults.AuthenticationScheme);
}
