namespace AuthMesh;
