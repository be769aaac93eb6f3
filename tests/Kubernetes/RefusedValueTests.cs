namespace AuthMesh.Tests.Kubernetes;

/// <summary>Values that would give an unsafe mesh, or one that does not start, are refused with the cure.</summary>
public sealed class RefusedValueTests
{
    [Fact]
    public async Task All_problems_are_reported_at_once()
    {
        var refused = await Helm.TemplateAsync(
            "ingress.yaml",
            "issuer=http://auth.example.com",
            "images.gateway=registry.example.com/authmesh/gateway:latest",
            "images.identityService=registry.example.com/authmesh/identity-service",
            "serviceKey.secret=", "database.password.secret=", "identityService.masterKey.secret=",
            "identityService.firstAdminPassword.secret=",
            "database.connectionString=Host=db;Username=a;Password=a-secret",
            "migration.enabled=true",
            "settings.AuthMesh__ServiceKey=a-secret-of-more-than-32-characters",
            "identityService.settings.Identity__Mail__Password=a-secret",
            "identityService.settings.identity__masterkey=a-secret",
            "identityService.settings.Identity__DemoUsers=yes",
            "gateway.settings.ASPNETCORE_ENVIRONMENT=Development",
            "gateway.trustedProxies=[]", "ingress.tlsSecret=", "httpRoute.enabled=true", "networkPolicies.postgres.to=[]",
            "metrics.enabled=true", "gateway.tls.secret=a-certificate");

        refused.AssertExited(1);
        Assert.All(
            [
                "issuer is \"http://auth.example.com\". It must be the public https origin",
                "images.gateway is", "images.identityService is",
                "serviceKey.secret must name a Secret", "database.password.secret must name a Secret",
                "identityService.masterKey.secret must name a Secret", "identityService.firstAdminPassword.secret must name a Secret",
                "database.connectionString holds a password", "migration needs connectionString and password.secret",
                "settings.AuthMesh__ServiceKey is a secret", "identityService.settings.Identity__Mail__Password is a secret",
                "identityService.settings.identity__masterkey is a secret",
                "identityService.settings.Identity__DemoUsers cannot be set", "gateway.settings.ASPNETCORE_ENVIRONMENT cannot be set",
                "gateway.trustedProxies must list", "ingress.tlsSecret must name a Secret", "httpRoute.parentRefs must name the Gateway",
                "networkPolicies.postgres.to must say where PostgreSQL is", "metrics.from must say where Prometheus is",
                "gateway.tls and a proxy in front exclude each other", "gateway.service.port is that of https with gateway.tls",
            ],
            message => Assert.Contains(message, refused.Errors, StringComparison.Ordinal));
        Assert.DoesNotContain("a-secret", refused.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("kind: Deployment", refused.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("settings.Anything=authmesh-development-service-key-which-is-public")]
    [InlineData("pods.annotations.note=YXV0aG1lc2gtZGV2ZWxvcG1lbnQtbWFzdGVyLWtleSE=")]
    public async Task A_secret_of_the_quick_start_is_refused_wherever_it_stands(string change)
    {
        var refused = await Helm.TemplateAsync("smallest.yaml", change);

        refused.AssertExited(1);
        Assert.Contains("a value is a secret of the quick start, which is public", refused.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_schema_refuses_what_it_does_not_know()
    {
        var refused = await Helm.TemplateAsync(
            "smallest.yaml",
            "gateway.replica=3", "identityService.replicas=0", "serviceKey=a-secret-of-more-than-32-characters",
            "identityService.masterKey.value=a-secret", "identityService.secretFiles.Identity__Mail__Password.secret=mail",
            "gateway.service.type=NodePort", "gateway.resources.limits.memory=null", "networkPolicies.dns.to=null",
            "networkPolicies.mail=null", "ownServices.notes.port=80", "gateway.allowedHosts[0]=authmesh-gateway.accounts:443");

        refused.AssertExited(1);
        Assert.All(
            [
                "at '/gateway': additional properties 'replica' not allowed", "at '/identityService/replicas'", "at '/serviceKey'",
                "at '/identityService/masterKey': additional properties 'value' not allowed", "at '/identityService/secretFiles'",
                "at '/gateway/service/type'", "at '/gateway/resources/limits': missing property 'memory'",
                "at '/networkPolicies/dns': missing property 'to'", "at '/networkPolicies': missing property 'mail'",
                "at '/ownServices/notes': missing properties", "at '/gateway/allowedHosts/0'",
            ],
            message => Assert.Contains(message, refused.Errors, StringComparison.Ordinal));
        Assert.DoesNotContain("kind: Deployment", refused.Output, StringComparison.Ordinal);
    }

    /// <summary>A list of nobody would admit everybody.</summary>
    [Fact]
    public async Task The_schema_refuses_an_empty_list_of_name_servers()
    {
        var refused = await Helm.TemplateAsync("smallest.yaml", "networkPolicies.dns.to=[]");

        refused.AssertExited(1);
        Assert.Contains("at '/networkPolicies/dns/to'", refused.Errors, StringComparison.Ordinal);
    }
}
